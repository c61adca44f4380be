"""A scratch folder with the program in it, and what its outcome must be: what all rows of faults share."""
import os
import pathlib
import re
import subprocess
import sys
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
import rows  # noqa: E402 (beside this folder)
from rows import ENVIRONMENT, Fault, Skip, need, short  # noqa: E402

SECONDS = rows.patience(20)
ROOT = os.geteuid() == 0
BINARY = ""


NOTE = re.compile(rb"rectify: note: \d+ values, only edges shown: --to csv gives all\n")


class Outcome(rows.Outcome):
    """`note`: what a shortened print in a file says on standard error, which a row in outputs.py checks for all
    commands; to all others it is silence."""

    def __init__(self, stdout, stderr, status, call=""):
        self.note = stderr if status == 0 and NOTE.fullmatch(stderr) else b""
        super().__init__(stdout, b"" if self.note else stderr, status)
        self.call = call

    def __repr__(self):
        return f"{self.call} {super().__repr__()}"

    def gives(self, stdout):
        need(self.status == 0 and self.stdout == stdout and not self.stderr,
             f"expected {short(stdout)} alone, got {self}")

    def succeeds(self):
        need(self.status == 0 and not self.stderr, f"expected exit 0 and silence, got {self}")

    def refuses(self, pattern="", statuses=(1,), quiet=True):
        """One clean line on standard error, and nothing that reads as a result."""
        need(self.status in statuses, f"exit {' or '.join(map(str, statuses))} expected, got {self}")
        need(not (quiet and self.stdout), f"nothing expected on standard output, got {self}")
        text = self.need_one_clean_line()
        need(re.search(pattern, text), f"expected /{pattern}/ in the message, got {self}")


def feed(pipe, blocks):
    """Writes to a process that may end before it has read all."""
    try:
        with pipe:
            for block in blocks:
                pipe.write(block)
    except BrokenPipeError:
        pass


started = []  # processes, and when each is taken to hang


def watch():
    """Kills what hangs, as long as the script runs."""
    while True:
        time.sleep(1)
        for deadline, process in list(started):
            if process.returncode is None and time.monotonic() < deadline:
                continue
            process.kill()
            started.remove((deadline, process))


threading.Thread(target=watch, daemon=True).start()


class Scratch:
    """A folder of its own, and the program run in it."""

    def __init__(self, path):
        self.path = path

    def write(self, name, data):
        (self.path / name).write_bytes(data)

    def read(self, name):
        return (self.path / name).read_bytes()

    def names(self):
        return sorted(entry.name for entry in self.path.iterdir())

    def plain_user(self):
        """For start(): the process is not root's. The folder is everybody's from here on."""
        if not ROOT:
            return {}
        nobody = {"user": 65534, "group": 65534, "extra_groups": ()}
        self.path.chmod(0o777)
        try:
            subprocess.run([BINARY, "--version"], cwd=self.path, capture_output=True, check=True, **nobody)
        except (OSError, subprocess.CalledProcessError):  # a namespace may have no such user
            raise Skip("nobody but root may run the program where it is") from None
        return nobody

    def start(self, arguments, before="", after="", env=None, cwd=None, seconds=SECONDS, **streams):
        """The program as a process: `before` is shell that runs first (ulimit, trap), `after` are redirections. It is
        killed if it hangs, whatever the row waits for (watch())."""
        streams = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **streams}
        process = subprocess.Popen(["sh", "-c", f'{before}\nexec "$0" "$@" {after}', BINARY, *arguments],
                                   cwd=cwd or self.path, env=ENVIRONMENT if env is None else env, **streams)
        started.append((time.monotonic() + seconds + 5, process))
        return process

    def run(self, *arguments, data=None, signals=(), seconds=SECONDS, **how):
        """The outcome; `data` is bytes for standard input, or an iterator of such."""
        streams = {} if data is None else {"stdin": subprocess.PIPE}
        process = self.start(arguments, seconds=seconds, **streams, **how)
        if data is not None and not isinstance(data, bytes):
            pipe, process.stdin = process.stdin, None
            threading.Thread(target=feed, args=(pipe, data), daemon=True).start()
            data = None
        try:
            stdout, stderr = process.communicate(data, timeout=seconds)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()
            raise Fault(f"{short(arguments)}: still running after {seconds} seconds") from None
        outcome = Outcome(stdout, stderr, process.returncode, f"{short(arguments)} {how.get('before', '')}")
        need(process.returncode >= 0 or -process.returncode in signals,
             f"{short(arguments)}: died of a signal: {outcome}")
        return outcome

    def shell(self, snippet, shell="sh"):
        """A snippet in which `rectify` is the program."""
        try:
            done = subprocess.run([shell, "-c", f'rectify() {{ "{BINARY}" "$@"; }}\n{snippet}'], cwd=self.path,
                                  env=ENVIRONMENT, stdin=subprocess.DEVNULL, capture_output=True, timeout=SECONDS,
                                  check=False)
        except subprocess.TimeoutExpired:
            raise Fault(f"still running after {SECONDS} seconds") from None
        return Outcome(done.stdout, done.stderr, done.returncode)


def device(name):
    """The name of a device, where there is one: a shell that is root's would make a file of that name."""
    if not pathlib.Path(name).is_char_device():
        raise Skip(f"no {name} here")
    return name


def watches_threads():
    """Whether ThreadSanitizer is in the program, which needs a large stack and writes to files of its own."""
    return b"__tsan_init" in pathlib.Path(BINARY).read_bytes()


def small_stack():
    return "" if watches_threads() else "ulimit -s 256"


def limited_memory(s, kilobytes=300000):
    """`ulimit -v`, unless the program cannot even start under it, as one built with a sanitizer cannot."""
    before = f"ulimit -v {kilobytes}"
    starts = subprocess.run(["sh", "-c", f'{before}; exec "$0" --version', BINARY], cwd=s.path, env=ENVIRONMENT,
                            capture_output=True, check=False).returncode == 0
    return before if starts else ""


def commands(s):
    """One command for each way through the program; writes the files they read."""
    s.write("big.csv", BIG)
    s.write("part.json", s.run("compare", "big.csv", "--partial").stdout)
    return [*(["big.csv", "--to", to] for to in ("torch", "json", "jsonl", "csv", "tsv", "npy")),
            ["big.csv", "--profile", "full", "--to", "torch"], ["big.csv", "--mode", "relu,leaky", "--to", "json"],
            ["big.csv", "--part", "2/3", "--to", "csv"], ["--randn", "100000", "--seed", "0", "--to", "jsonl"],
            *(["compare", "big.csv", "--to", to] for to in ("table", "json", "jsonl", "csv", "tsv")),
            ["compare", "big.csv", "--part", "2/3", "--partial"], ["compare", "--merge", "part.json", "--to", "table"]]


BIG = b"".join(b"%d,-%d\n" % (i, i) for i in range(200000))  # 2.6 MB of CSV

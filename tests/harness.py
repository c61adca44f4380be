"""What the test scripts share: rows, a scratch folder with the program in it, and what a call of it gave.

A script is a list of functions, each a sentence about the program:

    @row
    def a_full_disk_is_an_error(scratch): ...

A row gets a scratch folder of its own, raises Fault (by need()) for what went otherwise than expected and Skip for what
cannot be tried here. run() tries the rows, two at a time, says what failed or was skipped and ends with "N passed, N
failed, N skipped".
"""
import concurrent.futures
import os
import pathlib
import re
import struct
import subprocess
import tempfile
import threading
import time

rows = []

# What a program with a sanitizer is to know of the caller's environment, which instructions it is to use, and all that any is.
SANITIZERS = {name: value for name, value in os.environ.items() if name.endswith("SAN_OPTIONS")}
TARGET = {name: value for name, value in os.environ.items() if name == "RECTIFY_TARGET"}
ENVIRONMENT = {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C", **TARGET, **SANITIZERS}

# What a terminal must not get from a message: controls (a newline among them), line separators, bidirectional marks.
UNSAFE = re.compile("[\x00-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069]")


class Fault(Exception):
    """What went otherwise than expected."""


class Skip(Exception):
    """Why the row cannot be tried here."""


def row(function):
    rows.append(function)
    return function


def short(data, limit=300):
    text = repr(data)
    return text if len(text) <= limit else text[:limit] + "…"


def need(ok, *words):
    if not ok:
        raise Fault(" ".join(map(str, words)))


def patience(seconds):
    """The seconds a call may take. A program with a sanitizer, or one that counts its lines, takes longer: ctest gives
    their tests RECTIFY_PATIENCE, a factor."""
    return seconds * float(os.environ.get("RECTIFY_PATIENCE", "1"))


SECONDS = patience(20)  # for a call that has nothing large to do


class Outcome:
    """What a call of the program gave."""

    def __init__(self, stdout, stderr, status, call=""):
        # libgcov complains on standard error when it may not write its counts.
        self.stdout, self.stderr, self.status = stdout, re.sub(rb"(?m)^(libgcov )?profiling.*:.*\n", b"", stderr), status
        self.call = call

    def __repr__(self):
        return f"{self.call} exit {self.status}, stdout {short(self.stdout)}, stderr {short(self.stderr)}".lstrip()

    def gives(self, stdout):
        need(self.status == 0 and self.stdout == stdout and not self.stderr,
             f"expected {short(stdout)} alone, got {self}")

    def succeeds(self):
        need(self.status == 0 and not self.stderr, f"expected exit 0 and silence, got {self}")

    def says(self, pattern="", status=1):
        """One clean line on standard error, and the status, or one of several."""
        statuses = status if isinstance(status, tuple) else (status,)
        need(self.status in statuses, f"exit {' or '.join(map(str, statuses))} expected, got {self}")
        text = self.need_one_clean_line()
        need(re.search(pattern, text), f"expected /{pattern}/ in the message, got {self}")
        return self

    def refuses(self, pattern="", status=1, quiet=True):
        """Besides, nothing that reads as a result."""
        self.says(pattern, status)
        need(not (quiet and self.stdout), f"nothing expected on standard output, got {self}")

    def need_one_clean_line(self, *words):
        """The text of standard error, which is to be `rectify: ` and a sentence of moderate length, UTF-8 without anything
        UNSAFE."""
        try:
            text = self.stderr.decode()
        except UnicodeDecodeError:
            raise Fault(" ".join(map(str, (*words, "the message is not UTF-8:", self)))) from None
        text = re.sub(r"\A(rectify: note: [^\n]*\n)+(?=rectify: )", "", text)
        clean = text.startswith("rectify: ") and text.endswith("\n") and not UNSAFE.search(text[:-1]) and len(text) < 2000
        need(clean, *words, "not one short clean line:", self)
        return text


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


class Scratch:
    """A folder of its own, and the program run in it."""

    binary = ""  # the program's path, which the script sets
    outcome = Outcome

    def __init__(self, path):
        self.path = path

    def write(self, name, data):
        (self.path / name).write_bytes(data)
        return name

    def read(self, name):
        return (self.path / name).read_bytes()

    def names(self):
        return sorted(entry.name for entry in self.path.iterdir())

    def start(self, arguments, before="", after="", env=None, cwd=None, seconds=SECONDS, **streams):
        """The program as a process: `before` is shell that runs first (ulimit, trap), `after` are redirections. It is
        killed if it hangs, whatever the row waits for (watch())."""
        streams = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **streams}
        shell = ["sh", "-c", f'{before}\nexec "$0" "$@" {after}'] if before or after else []
        process = subprocess.Popen([*shell, self.binary, *arguments], cwd=cwd or self.path,
                                   env=ENVIRONMENT if env is None else env, **streams)
        started.append((time.monotonic() + seconds + 5, process))
        return process

    def run(self, *arguments, data=None, signals=(), seconds=SECONDS, **how):
        """The outcome; `data` is bytes for standard input, or an iterator of such. The program may die of `signals`."""
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
        outcome = self.outcome(stdout, stderr, process.returncode, f"{short(arguments)} {how.get('before', '')}")
        need(process.returncode >= 0 or -process.returncode in signals,
             f"{short(arguments)}: died of a signal: {outcome}")
        return outcome

    def result(self, *arguments, **how):
        """Standard output of a call that succeeds in silence; with notes=True it may say what is worth knowing."""
        notes = how.pop("notes", False)
        outcome = self.run(*arguments, **how)
        if notes and all(line.startswith(b"rectify: note: ") for line in outcome.stderr.splitlines()):
            outcome.stderr = b""
        outcome.succeeds()
        return outcome.stdout

    def limited_memory(self, kilobytes=300000):
        """`ulimit -v`, unless the program cannot even start under it, as one built with a sanitizer cannot."""
        before = f"ulimit -v {kilobytes}"
        process = self.start(["--version"], before, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        return "" if process.wait(SECONDS) else before

    def sanitized_by(self, *names):
        """Whether one of these sanitizers (asan, tsan, lsan, msan) is in the program."""
        program = pathlib.Path(self.binary).read_bytes()
        return any(f"__{name}_init".encode() in program for name in names)


def npy(shape, values=b"", descr="<f4", fortran=False, align=64):
    """An array as numpy.save writes it. `shape` is a sequence, or a text that may not be one; `values` are numbers, or
    bytes."""
    shape = shape if isinstance(shape, str) else tuple(shape)
    header = f"{{'descr': '{descr}', 'fortran_order': {fortran}, 'shape': {shape}, }}".encode("latin-1")
    header += b" " * (-(len(header) + 11) % align) + b"\n"
    if not isinstance(values, bytes):
        values = packed(values, descr)
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header + values


def packed(values, descr="<f4"):
    """The bytes of numbers in a dtype of NumPy."""
    code = {"f2": "e", "f4": "f", "f8": "d", "i1": "b", "i2": "h", "i4": "i", "i8": "q",
            "u1": "B", "u2": "H", "u4": "I", "u8": "Q"}[descr[1:]]
    return struct.pack(f"{descr[0].replace('|', '<')}{len(values)}{code}", *values)


def run(scratch_of=Scratch, words="", at_once=2):
    """Tries the rows whose names contain `words`, so many at once; scratch_of(path) makes what a row gets. The exit
    status: 1 if one failed or none was tried, 77 if all were skipped."""
    threading.Thread(target=watch, daemon=True).start()

    def outcome_of(function):
        try:
            with tempfile.TemporaryDirectory(prefix="rectify-rows-", ignore_cleanup_errors=True) as name:
                function(scratch_of(pathlib.Path(name)))
                return "passed", ""
        except Skip as why:
            return "skipped", str(why)
        except Fault as why:
            return "failed", str(why)
        except Exception as why:  # one row's, whatever it is: the others are still to be tried
            return "failed", f"{type(why).__name__}: {why}"

    wanted = [function for function in rows if words in function.__name__]
    counts = {"passed": 0, "failed": 0, "skipped": 0}
    with concurrent.futures.ThreadPoolExecutor(at_once) as pool:
        for function, (result, why) in zip(wanted, pool.map(outcome_of, wanted)):
            counts[result] += 1
            if result != "passed":
                print(f"{result}: {function.__name__.replace('_', ' ')}: {why}", flush=True)
    print(", ".join(f"{count} {result}" for result, count in counts.items()))
    if counts["failed"] or not wanted:
        return 1
    return 77 if counts["skipped"] == len(wanted) else 0

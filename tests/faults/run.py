#!/usr/bin/python3
"""Faults of the world around the plain command: run.py BINARY [FILTER]

Full devices, closed descriptors, signals in the middle of a write, resource limits, FIFOs, links, eight writers at
once, hostile names and documents. Each function below is one such row, its name the sentence that must hold; it
gets a fresh scratch folder, and every call of the program may take 20 seconds and must not die of a signal. A row
that needs root, or a tool or a file system that is not there, is skipped with a word. FILTER picks the rows whose
name contains it. The exit status is 1 when a row failed.
"""
import io
import os
import pathlib
import pty
import re
import select
import shutil
import signal
import stat
import struct
import subprocess
import sys
import threading
import time
import zipfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
import rows  # noqa: E402 (beside this folder)
from rows import Fault, Skip, need, row, short  # noqa: E402

SECONDS = 20
ROOT = os.geteuid() == 0
SANITIZERS = {name: value for name, value in os.environ.items() if name.endswith("SAN_OPTIONS")}
ENVIRONMENT = {"PATH": os.defpath, "LC_ALL": "C", **SANITIZERS}
BINARY = ""

# What a terminal must not get from a message: controls (a newline among them), line separators, bidirectional marks.
UNSAFE = re.compile("[\x00-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069]")


class Outcome(rows.Outcome):
    def gives(self, stdout):
        need(self.status == 0 and self.stdout == stdout and not self.stderr,
             f"expected {short(stdout)} alone, got {self}")

    def succeeds(self):
        need(self.status == 0 and not self.stderr, f"expected exit 0 and silence, got {self}")

    def refuses(self, pattern="", statuses=(1,), quiet=True):
        """One clean line on standard error, and nothing that reads as a result."""
        need(self.status in statuses, f"exit {' or '.join(map(str, statuses))} expected, got {self}")
        need(not (quiet and self.stdout), f"nothing expected on standard output, got {self}")
        try:
            text = self.stderr.decode()
        except UnicodeDecodeError:
            raise Fault(f"the message is not UTF-8: {self}") from None
        need(text.startswith("rectify: ") and text.endswith("\n") and not UNSAFE.search(text[:-1]) and len(text) < 2000,
             f"not one short clean line: {self}")
        need(re.search(pattern, text), f"expected /{pattern}/ in the message, got {self}")


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

    def start(self, arguments, before="", after="", env=None, cwd=None, **streams):
        """The program as a process: `before` is shell that runs first (ulimit, trap), `after` are redirections."""
        streams = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **streams}
        return subprocess.Popen(["sh", "-c", f'{before}\nexec "$0" "$@" {after}', BINARY, *arguments],
                                cwd=cwd or self.path, env=ENVIRONMENT if env is None else env, **streams)

    def run(self, *arguments, data=None, signals=(), **how):
        streams = {} if data is None else {"stdin": subprocess.PIPE}
        process = self.start(arguments, **streams, **how)
        try:
            stdout, stderr = process.communicate(data, timeout=SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()
            raise Fault(f"{short(arguments)}: still running after {SECONDS} seconds") from None
        outcome = Outcome(stdout, stderr, process.returncode)
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


def npy(shape, data=b"", descr="<f4"):
    header = f"{{'descr': '{descr}', 'fortran_order': False, 'shape': {shape}, }}".encode("latin-1")
    header += b" " * (-(len(header) + 11) % 64) + b"\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header + data


BIG = b"".join(b"%d,-%d\n" % (i, i) for i in range(200000))  # 2.6 MB of CSV


# ---------------------------------------------------------------- documents

@row
def a_million_brackets_are_refused_on_a_small_stack(s):
    for text in (b"[" * 100000, b"[" * 1000000, b"[" * 1000000 + b"]" * 1000000):
        s.run("-", "--from", "json", data=text, before="ulimit -s 256").refuses("128|deep|dimensions|nest")
    s.run("-", "--from", "jsonl", "--to", "jsonl", data=b"[" * 1000000, before="ulimit -s 256").refuses()


@row
def deep_objects_are_refused_on_a_small_stack(s):
    text = b'{"a":' * 1000000
    s.run("-", "--from", "json", data=text, before="ulimit -s 256").refuses()
    s.run("-", "--from", "json", "--pointer", "/b", data=text, before="ulimit -s 256").refuses()
    s.run("-", "--from", "json", "--pointer", "/a/a/a", data=text, before="ulimit -s 256").refuses()


@row
def a_skipped_deep_value_beside_a_pointer_ends(s):
    text = b'{"x": ' + b"[" * 1000000 + b"]" * 1000000 + b', "a": [1]}'
    outcome = s.run("-", "--from", "json", "--pointer", "/a", "--to", "json", data=text, before="ulimit -s 256")
    if outcome.status:
        outcome.refuses()
    else:
        outcome.gives(b"[1.0]\n")


@row
def a_hundred_thousand_digits_have_the_right_value(s):
    zeros = b"0" * 100000
    text = b"[1" + zeros + b".0, 1" + zeros + b"e-100000, 0." + zeros + b"1e100001, 1.5" + zeros + b"]"
    s.run("-", "--to", "json", "--from", "json", data=text).gives(b"[Infinity, 1.0, 1.0, 1.5]\n")
    s.run("-", "--from", "json", data=b"[1" + zeros + b"]").refuses("<stdin>:1:2: ")  # an integer, as in PyTorch
    s.run("-", "--to", "csv", "--from", "csv", data=text.strip(b"[]").replace(b" ", b"")).gives(b"inf,1.0,1.0,1.5\n")


@row
def exponents_beyond_every_integer_are_infinite_or_zero(s):
    text = b"[1e999999999999999999999, -1e2147483648, 1e-2147483649, 0e99999999999999999999, 1e18446744073709551617]"
    outcome = s.run("-", "--from", "json", "--slope", "1", "--to", "json", data=text)
    outcome.gives(b"[Infinity, -Infinity, 0.0, 0.0, Infinity]\n")


@row
def eight_megabytes_of_commas_are_answered(s):
    s.run("-", "--from", "csv", data=b"," * 8000000).refuses(r"<stdin>:1:1: .*--missing")
    s.run("-", "--from", "csv", "--missing", "0", data=b"," * 8000000).succeeds()
    s.run("-", "--from", "json", data=b"," * 8000000).refuses("<stdin>:1:1: ")


@row
def a_line_of_a_million_quoted_numbers_is_read(s):
    outcome = s.run("-", "--from", "csv", "--to", "npy", data=b'"1",' * 1000000 + b'"1"\n')
    need(outcome.status == 0 and len(outcome.stdout) == 128 + 4 * 1000001, outcome)


@row
def two_megabytes_of_newlines_have_no_tensor(s):
    for form in ("csv", "tsv", "json", "jsonl"):
        s.run("-", "--from", form, data=b"\n" * 2000000).refuses("no tensor")


@row
def four_megabytes_of_quotes_are_refused(s):
    s.run("-", "--from", "csv", data=b'"' * 4000000).refuses()
    s.run("-", "--from", "csv", data=b"1,2\n" + b'"' * 4000001).refuses("<stdin>:2:1: ")
    s.run("-", "--from", "json", data=b'"' * 4000000).refuses("<stdin>:1:1: ")


@row
def a_lone_quote_is_reported_where_it_opened(s):
    s.run("-", "--from", "csv", "--header", "no", data=b'1,2\n3,"4\n' + b"5,6\n" * 4000000).refuses("<stdin>:2:3: ")
    s.run("-", "--from", "csv", data=b'1,2\n3,"4"x\n5,6\n').refuses("<stdin>:2:3: |<stdin>:2:6: ")


@row
def a_line_of_many_megabytes_is_read(s):
    outcome = s.run("-", "--from", "csv", "--to", "npy", data=b"1," * 4000000 + b"1\n")
    need(outcome.status == 0 and len(outcome.stdout) == 128 + 4 * 4000001, outcome)


@row
def a_nul_does_not_end_a_text(s):
    s.run("-", "--from", "json", data=b"[1,\x002]").refuses("<stdin>:1:4: ")
    s.run("-", "--from", "json", data=b"[1]\x00").refuses("<stdin>:1:4: ", quiet=False)
    s.run("-", "--from", "csv", data=b"1,2\n3,\x004\n").refuses(r"<stdin>:2:3: .*(\\x00|\\0|NUL)")
    s.run("-", "--from", "csv", data=b"1,2\n3,4\n\x00").refuses("<stdin>:3:1: ")


@row
def invalid_utf_8_is_shown_as_hexadecimal(s):
    s.run("-", "--from", "csv", data=b"1,2\n3,\xff\xfe4\n").refuses(r"<stdin>:2:3: .*\\xff")
    s.run("-", "--from", "json", data=b"[1,\xff]").refuses(r"<stdin>:1:4: .*\\xff")


@row
def archives_are_named_with_a_remedy(s):
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("a.npy", npy("(1,)", bytes(4)))
    for name in ("a.csv", "a.json", "a.npz", "a.xlsx", "a.npy"):
        s.write(name, archive.getvalue())
        s.run(name).refuses(rf"{re.escape(name)}.*(?i:zip|npz)")
    s.write("b.csv", b"\x1f\x8b\x08" + bytes(30))
    s.run("b.csv").refuses("gzip -dc")


@row
def no_tensor_of_a_bad_document_is_printed(s):
    cut = npy("(3,)", bytes(11))
    for text, form in ((b"[[1,2],[3,4],[5,x]]", "json"), (b"1,2\n" * 5 + b"x,1\n", "csv"), (cut, "npy")):
        for to in ("torch", "json", "csv", "npy"):
            s.run("-", "--from", form, "--to", to, data=text).refuses()


# ---------------------------------------------------------------- .npy

@row
def npy_sizes_are_checked_before_memory_is_taken(s):
    shapes = ("(4294967296, 4294967296)", "(4611686018427387907,)", "(0, 9223372036854775808)", "(8589934592,)",
              "(18446744073709551617,)", "(-1,)", "(2.0,)", "('2',)", "((2,),)")
    for shape in shapes:
        s.write("a.npy", npy(shape, bytes(64)))
        s.run("a.npy", before=limited_memory(s)).refuses(r"a\.npy: (?!.*out of memory)")
        s.run("-", data=npy(shape, bytes(64)), before=limited_memory(s)).refuses("<stdin>: (?!.*out of memory)")


@row
def npy_header_lengths_are_checked_before_memory_is_taken(s):
    for length in (2**30, 2**32 - 1):
        data = b"\x93NUMPY\x02\x00" + struct.pack("<I", length) + b"{" * 200
        s.run("-", data=data, before=limited_memory(s)).refuses("<stdin>: (?!.*out of memory)")


@row
def bytes_after_the_last_array_are_no_silence(s):
    s.run("-", data=npy("(1,)", bytes(4)) + b"rest").refuses("<stdin>: ", quiet=False)


@row
def npy_descr_is_escaped_in_messages(s):
    for descr in ("\x1b[31m<f4", "<\x9bf4", "<f4\r", "{}%s%n"):
        s.run("-", data=npy("(1,)", bytes(4), descr)).refuses("<stdin>: ")


# ---------------------------------------------------------------- options

@row
def absurd_numbers_in_options_are_refused_or_harmless(s):
    for option in ("--precision=1000000000", "--precision=-1", "--precision=99999999999999999999",
                   "--linewidth=-1", "--linewidth=0", "--linewidth=18446744073709551615",
                   "--edgeitems=4611686018427387904", "--edgeitems=-1", "--threshold=-1", "--threshold=1e400"):
        outcome = s.run("--tensor", "[1.5, 2, -3]", "--threshold", "2", option)
        if outcome.status:
            outcome.refuses(option.split("=")[0], statuses=(2,))
        else:
            need(outcome.stdout.startswith(b"tensor([") and not outcome.stderr, option, outcome)


@row
def a_billion_threads_are_capped_or_refused(s):
    outcome = s.run("--tensor", "[1,-2]", "--threads", "1000000000", "--mode", "relu")
    if outcome.status:
        outcome.refuses("--threads", statuses=(2,))
    else:
        outcome.gives(b"tensor([1., 0.])\n")


@row
def impossible_randn_shapes_are_refused_at_once(s):
    for shape in ("1000000000000000000", "9223372036854775808", "18446744073709551616", "4294967296,4294967296",
                  "0,9223372036854775808"):
        s.run("--randn", shape, before=limited_memory(s)).refuses(statuses=(1, 2))


@row
def no_source_on_a_terminal_is_wrong_usage_at_once(s):
    leader, follower = pty.openpty()
    try:
        outcome = s.run(stdin=follower)
    finally:
        os.close(leader)
        os.close(follower)
    need(outcome.status == 2 and not outcome.stdout and 0 < len(outcome.stderr) < 3000, outcome)


@row
def pointers_that_are_none_are_refused(s):
    for pointer in ("a", "/~2", "/01", "/-", "/18446744073709551616", "/2", "/~", "/0/0"):
        s.run("--tensor", "[1, 2]", f"--pointer={pointer}").refuses(statuses=(1, 2))


# ---------------------------------------------------------------- files and pipes

@row
def unreadable_inputs_give_the_reason(s):
    (s.path / "folder").mkdir()
    (s.path / "dangling.csv").symlink_to("nowhere")
    (s.path / "loop.csv").symlink_to("loop.csv")
    for name, reason in (("folder", "directory"), ("missing.csv", "No such file"), ("dangling.csv", "No such file"),
                         ("loop.csv", "symbolic links"), ("folder/x/y.csv", "No such file"), ("a" * 300, "too long")):
        s.run(name).refuses(reason)
    s.run("").refuses(statuses=(1, 2))


@row
def a_file_without_permission_gives_the_reason(s):
    if ROOT:
        raise Skip("root may read everything")
    s.write("a.csv", b"1\n")
    (s.path / "a.csv").chmod(0)
    s.run("a.csv").refuses("a.csv: .*Permission denied")


@row
def a_fifo_is_read(s):
    os.mkfifo(s.path / "fifo.csv")
    writer = threading.Thread(daemon=True, target=lambda: (s.path / "fifo.csv").write_bytes(BIG))
    writer.start()
    outcome = s.run("fifo.csv", "--to", "csv", "--slope", "1")
    writer.join(SECONDS)
    outcome.gives(BIG.replace(b",", b".0,").replace(b"\n", b".0\n"))


@row
def devices_and_process_substitution_are_read(s):
    s.run("/dev/stdin", "--mode", "relu", data=b"[1,-2]").gives(b"tensor([1., 0.])\n")
    if not shutil.which("bash"):
        raise Skip("no bash for process substitution")
    s.shell("rectify <(printf '1,-2\\n3,4\\n') --mode relu --to csv", "bash").gives(b"1.0,0.0\n3.0,4.0\n")


@row
def endless_zeros_are_refused(s):
    for form in ("json", "jsonl", "npy", "csv", "tsv"):
        s.run("/dev/zero", "--from", form, before=limited_memory(s)).refuses("/dev/zero:")


@row
def an_endless_stream_flows_through(s):
    outcome = s.shell("yes 1,-2 | { rectify --from csv --to csv --mode relu; echo $? >&2; } | head -n 2")
    need(outcome.stdout == b"1.0,0.0\n1.0,0.0\n" and outcome.stderr == b"0\n", outcome)


@row
def a_full_device_is_a_write_error(s):
    s.write("big.csv", BIG)
    for arguments in (["--tensor", "1"], ["--help"], ["-h"], ["--version"], ["big.csv"], ["big.csv", "--to", "csv"],
                      ["big.csv", "--to", "json"], ["big.csv", "--to", "npy"], ["--tensor", "1", "-o", "/dev/full"]):
        s.run(*arguments, after=">/dev/full").refuses("No space left on device")


@row
def a_closed_standard_output_is_a_write_error(s):
    for arguments in (["--tensor", "1"], ["--help"], ["--randn", "100000", "--to", "csv"]):
        s.run(*arguments, after=">&-").refuses()


@row
def closed_descriptors_never_receive_the_file(s):
    for after in (">&-", "2>&-", "<&-", ">&- 2>&-", "<&- >&- 2>&-"):
        s.write("out.json", b"old\n")
        outcome = s.run("--tensor", "[1,-2]", "--mode", "relu", "-o", "out.json", after=after)
        need(outcome.status == 0 and s.read("out.json") == b"[1.0, 0.0]\n", after, outcome, s.read("out.json"))
        s.write("bad.csv", b"1,2\n3,x\n")
        outcome = s.run("bad.csv", "-o", "out.json", after=after)
        need(outcome.status == 1 and s.read("out.json") == b"[1.0, 0.0]\n", after, outcome, s.read("out.json"))
    need(s.names() == ["bad.csv", "out.json"], s.names())


@row
def a_closed_standard_input_is_a_read_error(s):
    s.run("-", after="<&-").refuses("<stdin>")


@row
def a_reader_that_goes_away_is_silence(s):
    s.write("big.csv", BIG)
    for before in ("", "trap '' PIPE"):
        for arguments in (["--to", "csv"], ["--to", "json"], ["--to", "npy"], ["--profile", "full"],
                          ["--to", "csv", "--threads", "4"]):
            process = s.start(["big.csv", *arguments], before)
            process.stdout.read(10)
            process.stdout.close()
            try:
                message = process.stderr.read()
                status = process.wait(SECONDS)
            finally:
                process.kill()
                process.stderr.close()
            need(status == 0 and message == b"", arguments, before, f"exit {status}, stderr {short(message)}")


@row
def a_file_cut_short_while_it_is_read_is_no_crash(s):
    s.write("a.npy", npy("(4000000,)", bytes(16000000)))
    process = s.start(["a.npy", "--to", "csv"])
    select.select([process.stdout], [], [], SECONDS)  # it is at work, and stops when the pipe is full
    os.truncate(s.path / "a.npy", 1000)
    stdout, stderr = process.communicate(timeout=SECONDS)
    outcome = Outcome(stdout, stderr, process.returncode)
    if process.returncode == 0:
        need(stdout == b"0.0\n" * 4000000, outcome)
    else:
        outcome.refuses("a.npy", quiet=False)


@row
def a_file_that_grows_while_it_is_read_is_no_crash(s):
    s.write("a.csv", BIG)
    process = s.start(["a.csv", "--to", "csv"])
    select.select([process.stdout], [], [], SECONDS)
    with open(s.path / "a.csv", "ab") as file:
        file.write(b"7,8\n" * 100)
    stdout, stderr = process.communicate(timeout=SECONDS)
    need(process.returncode in (0, 1) and (process.returncode or stdout.count(b"\n") in (200000, 200100)),
         Outcome(stdout[-100:], stderr, process.returncode))


@row
def a_removed_working_directory_does_not_matter(s):
    (s.path / "gone").mkdir()
    outcome = s.shell(f"""cd gone; rmdir ../gone
rectify --tensor "[1,-2]" --mode relu
rectify --tensor 1 --to json -o "{s.path}/out\"""")
    outcome.gives(b"tensor([1., 0.])\n")
    need(s.read("out") == b"1.0\n", s.names())


@row
def an_empty_or_wrong_environment_does_not_matter(s):
    for env in ({}, {"TMPDIR": "/nonexistent", "HOME": "/nonexistent", "LC_ALL": "xx_YY.nonsense"}):
        s.run("--tensor", "[1,-2]", "--mode", "relu", env={**env, **SANITIZERS}).gives(b"tensor([1., 0.])\n")
        s.run("--tensor", "[1,-2]", "--mode", "relu", "-o", "out.csv", env={**env, **SANITIZERS}).gives(b"")
        need(s.read("out.csv") == b"1.0\n0.0\n", s.read("out.csv"))


@row
def a_locale_with_a_decimal_comma_changes_nothing(s):
    if not shutil.which("locale"):
        raise Skip("no list of locales")
    locales = subprocess.run(["locale", "-a"], capture_output=True, check=False).stdout
    found = re.search(rb"(?im)^de_DE\.utf-?8$", locales)
    if not found:
        raise Skip("no locale de_DE.UTF-8")
    env = {**ENVIRONMENT, "LC_ALL": found[0].decode(), "LC_NUMERIC": found[0].decode()}
    for to in ("torch", "csv", "json"):
        arguments = ["--tensor", "[1234567.5, -0.25]", "--slope", "0.5", "--to", to]
        s.run(*arguments, env=env).gives(s.run(*arguments).stdout)


# ---------------------------------------------------------------- limits

def peak_memory(s, arguments, first, block, last, times):
    """The largest resident set, in KiB, of a call that reads `first`, `block` so many times, and `last` from a pipe."""
    process = s.start(arguments, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL)

    def feed():
        try:
            for part in (first, *[block] * times, last):
                process.stdin.write(part)
            process.stdin.close()
        except BrokenPipeError:
            pass

    feeder = threading.Thread(daemon=True, target=feed)
    feeder.start()
    message = process.stderr.read()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    process.stderr.close()
    feeder.join(SECONDS)
    need(process.returncode == 0 and not message, arguments, f"exit {process.returncode}, stderr {short(message)}")
    return usage.ru_maxrss


@row
def memory_does_not_grow_with_the_input(s):
    if not limited_memory(s):
        raise Skip("a sanitizer keeps what is freed")
    lines, rows, values = b"1.5,-2.25\n" * 100000, b"[1.5,-2.25]\n" * 100000, struct.pack("<f", -1.5) * 250000
    streams = (  # arguments, what comes first, what is repeated, what comes last
        (["--from", "csv", "--to", "csv"], b"", lines, b""),
        (["--from", "csv", "--to", "json"], b"", lines, b""),
        (["--from", "csv", "--to", "npy", "-o", "out.npy"], b"", lines, b""),
        (["--from", "csv"], b"", lines, b""),
        (["--from", "jsonl", "--to", "jsonl"], b"", rows, b""),
        (["--from", "json", "--to", "json"], b"[0", b",-2.25" * 160000, b"]"),
        (["--from", "npy", "--to", "csv"], None, values, b""))
    for arguments, first, block, last in streams:
        peaks = []
        for times in (4, 40):
            begin = npy(f"({times * 250000},)") if first is None else first
            peaks.append(peak_memory(s, ["-", *arguments, "--threads", "2"], begin, block, last, times))
        need(peaks[1] < 1.25 * peaks[0] + 12000, *arguments, f"take {peaks[0]} KiB for 4 MB, {peaks[1]} KiB for 40 MB")


def limited_memory(s, kilobytes=300000):
    """`ulimit -v`, unless the program cannot even start under it, as one built with a sanitizer cannot."""
    before = f"ulimit -v {kilobytes}"
    starts = subprocess.run(["sh", "-c", f'{before}; exec "$0" --version', BINARY], cwd=s.path, env=ENVIRONMENT,
                            capture_output=True, check=False).returncode == 0
    return before if starts else ""


@row
def any_limit_on_memory_gives_a_result_or_out_of_memory(s):
    if not limited_memory(s):
        raise Skip("the program does not start under ulimit -v (a sanitizer?)")
    s.write("big.csv", BIG)
    expected = s.run("big.csv", "--threads", "8", "--to", "json").stdout
    printed = s.run("big.csv", "--threads", "8", "--profile", "full").stdout
    for kilobytes in (*range(4000, 9000, 250), 10000, 15000, 20000, 30000, 40000, 60000, 80000, 120000, 200000):
        before = f"ulimit -v {kilobytes}"
        start = s.run("--tensor", "1", "--threads", "1", before=before, signals=(signal.SIGKILL, signal.SIGSEGV))
        no_room = b"loading shared libraries" in start.stderr or b"annot allocate" in start.stderr
        if no_room or start.status in (127, -signal.SIGKILL, -signal.SIGSEGV):
            continue  # not even for the loader
        for arguments, wanted in ((["--to", "json"], expected), (["--profile", "full"], printed)):
            outcome = s.run("big.csv", "--threads", "8", *arguments, before=before)
            if outcome.status:
                outcome.refuses("out of memory", quiet=arguments[0] != "--to")
            else:
                outcome.gives(wanted)


@row
def a_limit_on_processes_leaves_one_thread(s):
    if ROOT:
        raise Skip("the limit does not bind root")
    s.write("big.csv", BIG)
    wanted = s.run("big.csv", "--to", "csv").stdout
    outcome = s.run("big.csv", "--to", "csv", "--threads", "8", before="ulimit -u 1 2>/dev/null || ulimit -p 1")
    if outcome.status:
        outcome.refuses()
    else:
        outcome.gives(wanted)


@row
def few_descriptors_are_an_error_and_many_inputs_need_few(s):
    s.write("a.csv", b"1,-2\n3,4\n")
    outcome = s.run("a.csv", before="ulimit -n 3")
    if b"loading shared libraries" not in outcome.stderr:  # the loader needs a descriptor too
        outcome.refuses("a.csv: .*open files")
    outcome = s.run(*["a.csv"] * 120, "--to", "json", "--mode", "relu", before="ulimit -n 20")
    outcome.gives(b"[[1.0, 0.0], [3.0, 4.0]]\n" * 120)


@row
def a_limit_on_file_size_is_a_write_error(s):
    s.write("big.csv", BIG)
    s.write("out.csv", b"old\n")
    s.run("big.csv", "-o", "out.csv", before="ulimit -f 100").refuses("too large")
    need(s.read("out.csv") == b"old\n" and s.names() == ["big.csv", "out.csv"], s.names(), short(s.read("out.csv")))
    s.run("big.csv", "-o", "new.csv", before="ulimit -f 100").refuses("too large")
    need(s.names() == ["big.csv", "out.csv"], s.names())


@row
def a_full_disk_leaves_the_old_file_whole(s):
    s.write("big.csv", BIG)
    (s.path / "disk").mkdir()
    script = f'''mount -t tmpfs -o size=1m none disk || exit 77
echo old >disk/out.csv
"{BINARY}" big.csv -o disk/out.csv; echo $?
"{BINARY}" big.csv -o disk/new.csv; echo $?
"{BINARY}" big.csv --to csv >disk/direct.csv; echo $?
rm disk/direct.csv
cat disk/out.csv; ls -A disk'''
    if not shutil.which("unshare"):
        raise Skip("no unshare")
    unshare = ["unshare", "--mount"] + ([] if ROOT else ["--map-root-user"])
    done = subprocess.run([*unshare, "sh", "-c", script], cwd=s.path, env=ENVIRONMENT, capture_output=True,
                          timeout=3 * SECONDS, check=False)
    if done.returncode == 77 or b"unshare" in done.stderr:
        raise Skip("no right to mount a small disk")
    need(done.stdout == b"1\n1\n1\nold\nout.csv\n" and done.stderr.count(b"No space left on device\n") == 3,
         Outcome(done.stdout, done.stderr, done.returncode))


# ---------------------------------------------------------------- -o FILE

@row
def an_interrupted_write_leaves_the_old_file_and_no_other(s):
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        s.write("out.csv", b"old\n")
        process = s.start(["-", "--from", "csv", "-o", "out.csv"], stdin=subprocess.PIPE)
        process.stdin.write(BIG)
        process.stdin.flush()
        time.sleep(0.2)  # it has most of the input and waits for more
        process.send_signal(number)
        try:
            status = process.wait(SECONDS)
        finally:
            process.kill()
            message = process.stderr.read()
            for stream in (process.stdout, process.stderr, process.stdin):
                try:
                    stream.close()
                except BrokenPipeError:
                    pass
        need(status == -number, f"signal {number}: ended with {status}, stderr {short(message)}")
        need(s.read("out.csv") == b"old\n" and s.names() == ["out.csv"], f"signal {number} left {s.names()}")


@row
def a_hangup_ignored_by_the_caller_stays_ignored(s):
    for number, name in ((signal.SIGHUP, "HUP"), (signal.SIGINT, "INT")):  # nohup, and a background job's interrupt
        process = s.start(["-", "--from", "csv", "-o", "out.csv"], f"trap '' {name}", stdin=subprocess.PIPE)
        process.stdin.write(b"1\n2\n")
        process.stdin.flush()
        time.sleep(0.2)
        process.send_signal(number)
        stdout, stderr = process.communicate(b"3\n", timeout=SECONDS)
        Outcome(stdout, stderr, process.returncode).gives(b"")
        need(s.read("out.csv") == b"1.0\n2.0\n3.0\n", s.read("out.csv"))


@row
def a_killed_write_leaves_the_old_or_the_new_file(s):
    s.write("big.csv", BIG)
    s.run("big.csv", "-o", "new.csv").succeeds()
    new = s.read("new.csv")
    for at in range(24):
        s.write("out.csv", b"old\n")
        process = s.start(["big.csv", "-o", "out.csv"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(at * 0.005)
        process.kill()
        process.wait()
        need(s.read("out.csv") in (b"old\n", new), f"killed after {5 * at} ms: {len(s.read('out.csv'))} bytes")


@row
def a_hard_link_to_the_output_keeps_the_old_content(s):
    s.write("in.csv", b"1,-2\n3,4\n")
    os.link(s.path / "in.csv", s.path / "out.csv")
    s.run("in.csv", "-o", "out.csv", "--mode", "relu").succeeds()
    need(s.read("out.csv") == b"1.0,0.0\n3.0,4.0\n", s.read("out.csv"))
    need(s.read("in.csv") in (b"1,-2\n3,4\n", b"1.0,0.0\n3.0,4.0\n"), s.read("in.csv"))
    need(s.names() == ["in.csv", "out.csv"], s.names())


@row
def the_output_may_be_the_input_however_large(s):
    s.write("in.csv", BIG)
    (s.path / "link.csv").symlink_to("in.csv")
    expected = s.run("in.csv", "--to", "csv").stdout
    s.run("link.csv", "-o", "in.csv").succeeds()
    need(s.read("in.csv") == expected, "through a symbolic link")
    s.write("in.csv", BIG)
    s.run("in.csv", "-o", "link.csv").succeeds()
    need(s.read("in.csv") == expected and (s.path / "link.csv").is_symlink(), "into a symbolic link")


@row
def symbolic_links_are_followed_and_stay(s):
    (s.path / "there").mkdir()
    (s.path / "one.csv").symlink_to("two.csv")
    (s.path / "two.csv").symlink_to("there/real.csv")
    for _ in range(2):  # the target is made, then replaced
        s.run("--tensor", "1", "-o", "one.csv").succeeds()
        need(s.names() == ["one.csv", "there", "two.csv"] and os.listdir(s.path / "there") == ["real.csv"], s.names())
        need((s.path / "one.csv").is_symlink() and (s.path / "two.csv").is_symlink(), "a link was replaced")
        need(s.read("there/real.csv") == b"1.0\n", s.read("there/real.csv"))
    (s.path / "loop.csv").symlink_to("loop.csv")
    s.run("--tensor", "1", "-o", "loop.csv").refuses("loop.csv: ")


@row
def mode_and_owner_are_kept(s):
    for mode in (0o640, 0o600, 0o666, 0o755):
        s.write("out.csv", b"old\n")
        (s.path / "out.csv").chmod(mode)
        if ROOT:
            os.chown(s.path / "out.csv", 1234, 4321)
        s.run("--tensor", "1", "-o", "out.csv").succeeds()
        found = (s.path / "out.csv").stat()
        need(s.read("out.csv") == b"1.0\n", s.read("out.csv"))
        need(stat.S_IMODE(found.st_mode) == mode, f"{mode:o} became {stat.S_IMODE(found.st_mode):o}")
        need(not ROOT or (found.st_uid, found.st_gid) == (1234, 4321), f"owner {found.st_uid}:{found.st_gid}")
        (s.path / "out.csv").unlink()


@row
def a_new_file_has_the_mode_of_any_new_file(s):
    for umask in ("022", "077", "002", "000"):
        s.run("--tensor", "1", "-o", f"{umask}.csv", before=f"umask {umask}").succeeds()
        mode = stat.S_IMODE((s.path / f"{umask}.csv").stat().st_mode)
        need(mode == 0o666 & ~int(umask, 8), f"umask {umask} gave {mode:o}")


@row
def what_is_no_regular_file_is_written_to(s):
    os.mkfifo(s.path / "fifo")
    got = []
    reader = threading.Thread(daemon=True, target=lambda: got.append((s.path / "fifo").read_bytes()))
    reader.start()
    s.run("--tensor", "[1,-2]", "--mode", "relu", "--to", "json", "-o", "fifo").succeeds()
    reader.join(SECONDS)
    need(got == [b"[1.0, 0.0]\n"] and (s.path / "fifo").is_fifo(), got)
    s.run("--tensor", "1", "-o", "/dev/null").gives(b"")
    need(pathlib.Path("/dev/null").is_char_device(), "/dev/null was replaced")
    s.run("--tensor", "1", "--to", "json", "-o", "/dev/stdout").gives(b"1.0\n")


@row
def impossible_outputs_give_the_reason(s):
    (s.path / "folder").mkdir()
    for name in ("folder", "nowhere/out.csv", "folder/", "a" * 300, "/proc/none.csv"):
        s.run("--tensor", "1", "-o", name).refuses()
    s.run("--tensor", "1", "-o", "").refuses(statuses=(1, 2))
    need(s.names() == ["folder"] and not list((s.path / "folder").iterdir()), s.names())


@row
def a_read_only_folder_gives_the_reason(s):
    if ROOT:
        raise Skip("root may write everywhere")
    (s.path / "folder").mkdir()
    s.write("folder/out.csv", b"old\n")
    (s.path / "folder").chmod(0o555)
    try:
        s.run("--tensor", "1", "-o", "folder/new.csv").refuses("Permission denied")
        s.run("--tensor", "1", "-o", "folder/out.csv").refuses("Permission denied")
        need(s.read("folder/out.csv") == b"old\n", "the old file changed")
    finally:
        (s.path / "folder").chmod(0o755)


@row
def a_name_of_255_bytes_works(s):
    name = "n" * 251 + ".csv"
    for _ in range(2):
        s.run("--tensor", "1", "-o", name).succeeds()
        need(s.names() == [name] and s.read(name) == b"1.0\n", s.names())


@row
def eight_writers_leave_one_whole_result(s):
    s.write("big.csv", BIG)
    wanted = [s.run("big.csv", "--to", "csv", "--slope", str(i)).stdout for i in range(8)]
    processes = [s.start(["big.csv", "-o", "out.csv", "--slope", str(i)]) for i in range(8)]
    for process in processes:
        _, message = process.communicate(timeout=SECONDS)
        need(process.returncode == 0 and not message, f"exit {process.returncode}, stderr {short(message)}")
    need(s.read("out.csv") in wanted, "a mixture")
    need(s.names() == ["big.csv", "out.csv"], s.names())


@row
def a_bad_later_input_leaves_the_old_file(s):
    s.write("good.csv", BIG)
    s.write("bad.csv", BIG + b"1,x\n")
    s.write("out.json", b"old\n")
    s.run("good.csv", "bad.csv", "-o", "out.json").refuses(r"bad\.csv:200001:3: ")
    need(s.read("out.json") == b"old\n" and s.names() == ["bad.csv", "good.csv", "out.json"], s.names())


# ---------------------------------------------------------------- messages

NASTY = (b"\x1b[31m", b"\r", b"\x07", b"\n", b"\x7f", b"\xc2\x9b", b"\x9b", "\u202e".encode(), "\u2028".encode(),
         b"\xff\xfe", b"\xc3")


@row
def control_characters_in_names_are_escaped(s):
    for nasty in NASTY:
        name = b"a" + nasty + b"b.csv"
        s.run(name).refuses("No such file")
        with open(os.path.join(os.fsencode(s.path), name), "wb") as file:
            file.write(b"1,2\n3,x\n")
        s.run(name).refuses(":2:3: ")
        s.run("--tensor", "1", "-o", b"nowhere/" + name).refuses()


@row
def control_characters_in_fields_are_escaped(s):
    for nasty in NASTY:
        if nasty not in (b"\n", b"\r"):
            s.run("-", "--from", "csv", data=b"1,2\n3,4" + nasty + b"5\n").refuses("<stdin>:2:3: ")
        s.run("-", "--from", "json", data=b"[1, x" + nasty + b"]").refuses("<stdin>:1:5: ")
        s.run("-", "--from", "json", data=b'{"a' + nasty + b'": 1}').refuses("<stdin>:1:")


@row
def control_characters_in_options_are_escaped(s):
    for nasty in NASTY:
        for option in (b"--slope=1", b"--mode=", b"--no", b"--to=", b"--randn=", b"--from="):
            s.run("--tensor", "1", option + nasty).refuses(statuses=(2,))


@row
def long_fields_are_shortened_in_messages(s):
    s.run("-", "--from", "csv", data=b"1,2\n3," + b"x" * 1000000 + b"\n").refuses("<stdin>:2:3: ")
    s.run("-", "--from", "json", data=b"[1," + b"x" * 1000000 + b"]").refuses("<stdin>:1:4: ")
    s.run("-", "--from", "json", data=b'["' + b"x" * 1000000 + b'"]').refuses("<stdin>:1:2: ")
    s.run("--tensor", "1", "--slope=" + "x" * 100000).refuses(statuses=(2,))


@row
def format_directives_are_text(s):
    for text in ("{}", "%s%n", "{0:1000000}", "%1000000d"):
        s.run(text + ".csv").refuses(re.escape(text))
        s.run("-", "--from", "csv", data=b"1,2\n3," + text.encode() + b"\n").refuses(re.escape(text))
        s.run("--tensor", "1", "--slope", text).refuses(re.escape(text), statuses=(2,))


# ---------------------------------------------------------------- runner

def main():
    global BINARY
    if not 2 <= len(sys.argv) <= 3:
        sys.exit(__doc__)
    BINARY = str(pathlib.Path(sys.argv[1]).resolve())
    return rows.run(Scratch, sys.argv[2] if len(sys.argv) > 2 else "")


if __name__ == "__main__":
    sys.exit(main())

"""Every call that can fail, failing. --inject names the program built with inject.cpp. Each row is a small command. It is
run once to count its calls (allocations, reads, writes, renames, thread starts …), then once for every one of them with
just that call failing, again, if others of its kind come after it, with those failing, too, with short reads and writes,
and with interrupted calls. What must hold: exit 1 with one clean line, or exit 0 with the right output where the call is
one that may be done without; the old file of -o whole; no temporary; no memory or descriptor leaked (LeakSanitizer's
message, inject.cpp's status 98); no death by a signal.
"""
import os
import pathlib
import re
import select
import shutil
import subprocess

import harness
from harness import SANITIZERS, Fault, Outcome, Skip, need, npy, patience, row, short

INJECT = pathlib.Path(__file__).resolve().parent.parent / "inject"
SECONDS = patience(30)
BINARY = ""  # with faults; harness.Scratch has the one without

Scratch = pathlib.Path  # what a row gets: it makes its folders itself

# After the failure of one of these there is no right result; of these there is one all the same.
NEEDED = {"read", "pread", "write", "pwrite", "fsync", "rename", "link", "spawn", "pipe", "parse"}
SPARED = {"thread", "affinity", "getrandom", "ioctl", "unlink", "fchown"}
LATER = ("read", "write")  # of a descriptor that somebody made non-blocking
INTERRUPTED = ("read", "pread", "write", "pwrite", "open", "close", "fsync", "poll", "waitpid")

CSV = b"a,b\n1,-2\n3,-4\n"
LONG = b"1.5,-2.25\n" * 150000  # blocks enough for threads


KINDS = set()  # of calls
SEEN = set()  # those that some row made


class Program:
    """The program with one command line, run as often as asked."""

    def __init__(self, path, arguments, standard_input=b""):
        self.work, self.streams = path / "work", path / "streams"
        self.work.mkdir()
        self.streams.mkdir()
        (self.streams / "in").write_bytes(standard_input)
        tools = path / "tools"
        tools.mkdir()
        (tools / "gnuplot").write_text("#!/bin/sh\ncat >/dev/null\necho '<svg/>'\n")
        (tools / "gnuplot").chmod(0o755)
        environment = {"PATH": f"{tools}:{os.defpath}", "LC_ALL": "C", "RECTIFY_INJECT": str(self.streams),
                       "RECTIFY_PATIENCE": str(patience(1)), **SANITIZERS}
        self.process = subprocess.Popen([BINARY, *arguments], cwd=self.work, env=environment, stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE)
        self.kinds = self.ask("?").split()
        KINDS.update(self.kinds)

    def ask(self, line):
        self.process.stdin.write(line.encode() + b"\n")
        self.process.stdin.flush()
        if not select.select([self.process.stdout], [], [], SECONDS)[0]:
            raise Fault(f"{line}: still running after {SECONDS} seconds")
        return self.process.stdout.readline().decode()

    def run(self, kind, number, how):
        """The outcome, and the calls of each kind."""
        answer = [int(word) for word in self.ask(f"{kind} {number} {how}").split()]
        need(answer, f"{kind} {number} {how}: the program that runs the program is gone")
        outcome = Outcome((self.streams / "out").read_bytes(), (self.streams / "err").read_bytes(),
                               os.waitstatus_to_exitcode(answer[0]))
        return outcome, dict(zip(self.kinds, answer[1:]))

    def end(self):
        self.process.stdin.close()
        self.process.stdout.close()
        try:
            self.process.wait(SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def attempt(path, arguments, gives, files=(), standard_input=b"", out=None, old=b"old\n", status=0, after=False,
            owner=None):
    """Tries every fault on a command that gives `gives` on standard output, or in the file `out`, where `old` was
    before (None: nothing was), perhaps of another owner. `status` is the command's when nothing fails; `after`: it does
    more when `out` is in place."""
    program = Program(path, arguments, standard_input)
    names = sorted([*dict(files), *([out] if out else [])])

    def run(kind, number, how):
        if out and old is not None:
            (program.work / out).write_bytes(old)
            if owner:
                os.chown(program.work / out, owner, owner)
        elif out:
            (program.work / out).unlink(missing_ok=True)
        outcome, counts = program.run(kind, number, how)
        SEEN.update(name for name, count in counts.items() if count)
        found = (program.work / out).read_bytes() if out and (program.work / out).exists() else None
        left = [entry for entry in program.work.iterdir() if entry.name not in names]
        need(not left or kind == "unlink", f"{kind} {number} {how}: left {left}: {outcome}")
        for entry in left:
            entry.unlink()
        return outcome, counts, found

    def need_right(what, outcome, found):
        right = outcome.stdout == gives if not out else found == gives and not outcome.stdout
        need(outcome.status == status and right and bool(outcome.stderr) == bool(status),
             f"{what}: exit {status} and {short(gives)} expected, got {outcome} {short(found)}")

    def check(kind, number, how):
        """The exit status; and how the command went on: how many calls of the kind came after that one, and the outcome."""
        what = f"{kind} {number} {how}"
        outcome, counts, found = run(kind, number, how)
        later = counts[kind] - number, outcome.status, outcome.stderr, len(outcome.stdout)
        complaint = kind == "write" and status  # the failing write may be that of the message
        if how in ("short", "again", "later") or kind in SPARED or outcome.status == status != 1 and kind not in NEEDED:
            need_right(what, outcome, found)
            return outcome.status, later
        need(outcome.status == 1 or complaint and outcome.status == status, f"{what}: exit 1 expected, got {outcome}")
        silenced = kind == "write" and (how == "on" or complaint)
        if outcome.stderr or not silenced:
            outcome.need_one_clean_line(what)
        if kind in ("new", "parse") and status != 1:
            need(outcome.stderr == b"rectify: out of memory\n", f"{what}: out of memory expected, got {outcome}")
        if out:
            need(found == old or after and found == gives, f"{what}: the file holds {short(found)}: {outcome}")
        need(gives.startswith(outcome.stdout) and not (out and outcome.stdout), f"{what}: {outcome}")
        return outcome.status, later

    try:
        for name, data in dict(files).items():
            (program.work / name).write_bytes(data)
        outcome, counts, found = run("new", 0, "once")
        need_right("nothing failed", outcome, found)
        if out and old is not None and not status:
            need(counts["fsync"] and counts["rename"], "an old file gives way to what is not on the disk", counts)
        for kind, count in counts.items():
            if kind == "parse" and "--version" not in arguments:
                continue  # tried once, by --version
            codes = {"once": set(), "on": set()}
            tried = set()
            for number in range(1, count + 1):
                code, later = check(kind, number, "once")
                codes["once"].add(code)
                # Without a later call, the one is all. Allocations are many, and after most of them that fail
                # the command ends in the same way, which is tried once.
                if later[0] > 0 and not (kind in ("new", "parse") and later in tried):
                    code = check(kind, number, "on")[0]
                codes["on"].add(code)
                tried.add(later)
            if kind == "close" and not status:
                for how in codes:
                    need(1 in codes[how], f"{kind} {how}: nobody looks whether the file could be closed")
            if kind in ("read", "pread", "write", "pwrite") and count and len(gives) < 10000:
                check(kind, 1, "short")
            if kind in INTERRUPTED and count:
                check(kind, 1, "again")
            if kind in LATER and count:
                check(kind, 1, "later")
    finally:
        program.end()


def without_faults(path, *arguments):
    """What the plain program writes, where what it should write is the business of other tests."""
    outcome = harness.Scratch(path).run(*arguments)
    need(outcome.status in (0, 3) and outcome.stdout, outcome)
    return outcome.stdout


# ---------------------------------------------------------------- every format in and out

INPUTS = {
    "a.csv": CSV, "a.tsv": CSV.replace(b",", b"\t"), "a.json": b"[[1,-2],[3,-4]]", "a.jsonl": b"[1,-2]\n[3,-4]\n",
    "a.npy": npy("(2, 2)", (1, -2, 3, -4)), "f.npy": npy("(2, 2)", (1, 3, -2, -4), fortran=True)}
OUTPUTS = {
    "torch": b"tensor([[1., 0.],\n        [3., 0.]])\n", "json": b"[[1.0, 0.0], [3.0, 0.0]]\n",
    "jsonl": b"[1.0, 0.0]\n[3.0, 0.0]\n", "csv": b"1.0,0.0\n3.0,0.0\n", "tsv": b"1.0\t0.0\n3.0\t0.0\n",
    "npy": npy("(2, 2)", (1, 0, 3, 0))}


def given(name, to):
    """What relu of an input gives in a format."""
    gives = OUTPUTS[to]
    if name in ("a.csv", "a.tsv") and to in ("csv", "tsv"):
        return CSV[:4].replace(b",", gives[3:4]) + gives
    if name == "a.json" and to == "jsonl":  # one value, one line
        return OUTPUTS["json"]
    if name == "a.jsonl":  # two tensors
        return {"torch": b"tensor([1., 0.])\ntensor([3., 0.])\n", "json": OUTPUTS["jsonl"]}.get(to, gives)
    return gives


def every_output(name, odd):
    """Each input and each output is tried with a file and with standard output, each pair of them with one of both."""
    def tried(path):
        for index, to in enumerate(OUTPUTS):
            if (name, to) == ("a.jsonl", "npy"):  # two arrays in a file, which standard output is here: refused
                continue
            (path / to).mkdir()
            gives = given(name, to)
            arguments = [name, "--mode", "relu", "--threads", "2", "--to", to]
            if (index + odd) % 2:
                attempt(path / to, [*arguments, "-o", "out"], gives, {name: INPUTS[name]}, out="out")
            else:
                attempt(path / to, arguments, gives, {name: INPUTS[name]})
    tried.__name__ = f"{name} to every format"
    return row(tried)


for place, each in enumerate(INPUTS):
    every_output(each, place % 2)


# ---------------------------------------------------------------- other sources and ways

@row
def a_pipe(path):
    for name, data in INPUTS.items():
        (path / name).mkdir()
        attempt(path / name, ["--mode", "relu", "--to", "json", "--from", name.split(".")[1]], given(name, "json"),
                standard_input=data)


@row
def a_new_file(path):
    attempt(path, ["a.json", "--mode", "relu", "-o", "new.npy"], OUTPUTS["npy"], {"a.json": INPUTS["a.json"]},
            out="new.npy", old=None)


@row
def a_file_onto_itself(path):
    attempt(path, ["a.csv", "--mode", "relu", "-o", "a.csv"], given("a.csv", "csv"), out="a.csv", old=CSV)


@row
def several_results_each_at_its_place(path):
    rows = 40000  # blocks enough for slabs
    array = npy(f"({rows}, 2)", (1, -2) * rows)
    for to in ("npz", "safetensors"):
        (path / to).mkdir()
        (path / to / "in.npy").write_bytes(array)
        harness.Scratch(path / to).run("in.npy", "--mode", "relu,leaky", "-o", f"right.{to}").succeeds()
        gives = (path / to / f"right.{to}").read_bytes()
        attempt(path / to, ["in.npy", "--mode", "relu,leaky", "--threads", "2", "-o", f"out.{to}"], gives,
                {"in.npy": array}, out=f"out.{to}")


@row
def a_literal(path):
    attempt(path, ["--tensor", "[[1,-2],[3,-4]]", "--mode", "relu", "--echo"],
            b"input:\ntensor([[ 1., -2.],\n        [ 3., -4.]])\noutput:\n" + OUTPUTS["torch"])


@row
def several_modes_and_inputs(path):
    attempt(path, ["a.csv", "a.csv", "--mode", "relu,leaky", "--slope", "0.5", "--to", "json"],
            b'{"relu": [[1.0, 0.0], [3.0, 0.0]], "leaky": [[1.0, -1.0], [3.0, -2.0]]}\n' * 2, {"a.csv": CSV})


@row
def gradients_in_place(path):
    attempt(path, ["a.npy", "--grad", "--inplace", "--slope", "0.5", "--to", "csv"], b"1.0,0.5\n1.0,0.5\n",
            {"a.npy": INPUTS["a.npy"]})


@row
def noise_of_a_seed(path):
    attempt(path, ["--randn", "3", "--seed", "0"], b"tensor([ 1.5410, -0.0029, -0.0218])\n")


@row
def a_value_inside_a_document(path):
    attempt(path, ["a.json", "--pointer", "/a/0", "--mode", "relu", "--to", "json"], OUTPUTS["json"],
            {"a.json": b'{"b": {"x": "y"}, "a": [[[1,-2],[3,-4]]]}'})


@row
def a_part(path):
    for name, data in (("a.csv", CSV), ("a.jsonl", INPUTS["a.jsonl"]), ("a.npy", INPUTS["a.npy"])):
        (path / name).mkdir()
        attempt(path / name, [name, "--part", "2/2", "--mode", "relu", "--to", "jsonl"], b"[3.0, 0.0]\n", {name: data})


@row
def threads(path):
    gives = LONG.replace(b"-2.25", b"0.0")
    attempt(path, ["--threads", "3", "--mode", "relu", "-o", "out.csv", "long.csv"], gives, {"long.csv": LONG},
            out="out.csv")


@row
def rows_whose_number_is_known_at_the_end(path):
    gives = npy("(150000, 2)", (1.5, 0) * 150000)
    attempt(path, ["-o", "out.npy", "--mode", "relu", "long.csv"], gives, {"long.csv": LONG}, out="out.npy")


@row
def the_file_of_another_owner(path):
    try:
        (path / "probe").write_bytes(b"")
        os.chown(path / "probe", 1234, 1234)
    except OSError:
        raise Skip("no right to give a file to another user") from None
    attempt(path, ["--tensor", "[1,-2]", "--mode", "relu", "-o", "out.json"], b"[1.0, 0.0]\n", out="out.json",
            owner=1234)


# What the program takes from the C library besides: it fails at nothing, is made to fail as something else, or writes
# the progress that nobody needs (fwrite, fflush). A fortified call, __NAME_chk, is as its NAME; what else begins with an
# underscore is the compiler's.
HARMLESS = re.compile(r"""
    __(mem\w+|str\w+|v?snprintf)_chk | (?!__\w+_chk\b|__open)_\w+ | mem\w+ | str\w+ | is\w+ |
    (sin|cos|sincos|log|log1p|log10|exp|pow|sqrt|floor|ceil|trunc|round|rint|fma|frexp|ldexp|ilogb|nextafter|fmod)[fl]? |
    v?snprintf | localeconv | getenv | getpid | raise | kill | signal | sig\w+ | mallopt | posix_spawnattr_\w+ |
    posix_spawn_file_actions_\w+ | pthread_mutex_\w+ | fwrite | fflush |
    f?getxattr | f(set|remove)xattr |        # without its list of rights a file gives the group none
    fnmatch | newlocale | uselocale | mbrtowc | wcwidth |  # without the locale a character takes one column
    unshare |                                # without descriptors of its own a thread shares them
    malloc | free                                # zlib's own allocator, which has ours instead
    """, re.VERBOSE)


@row
def every_call_that_can_fail_is_made_to_fail_here(_):
    if not shutil.which("nm"):
        raise Skip("no nm")
    plain = pathlib.Path(harness.Scratch.binary)
    if any(word in plain.read_bytes() for word in (b"__asan_init", b"__tsan_init", b"__gcov_")):
        raise Skip("a sanitizer, or what counts lines, makes calls of its own")
    done = subprocess.run(["nm", "-D", "--undefined-only", plain], capture_output=True, text=True, check=True)
    names = {line.split()[-1].split("@")[0] for line in done.stdout.splitlines()}
    wrapped = set(re.search(r"IN ITEMS ([^)]*)\)", (INJECT / "CMakeLists.txt").read_text())[1].split())
    unknown = {name for name in names - wrapped if not HARMLESS.fullmatch(name)}
    need(not unknown, "to be made to fail in inject.cpp, or listed as harmless:", *sorted(unknown))


@row
def lost_memory_is_seen(path):
    program = Program(path, ["--version"])
    try:
        outcome, _ = program.run("new", 0, "leak")
    finally:
        program.end()
    if outcome.status == 0:
        raise Skip("no LeakSanitizer in this build, or it cannot work here: no row sees a leak of memory")
    need(b"LeakSanitizer" in outcome.stderr, outcome)


@row
def help_and_the_version(path):
    for ask in ("-h", "--help", "--version"):
        (path / ask).mkdir()
        attempt(path / ask, [ask], without_faults(path, ask))


@row
def bad_inputs(path):
    for index, data in enumerate((b"1,2\n3,x\n", b"[[1,2],[3]]", b"\x93NUMPY\x01\x00", b"1,2\n3\n")):
        (path / str(index)).mkdir()
        attempt(path / str(index), ["bad", "-o", "out.json"], b"old\n", {"bad": data}, out="out.json", status=1)


# ---------------------------------------------------------------- compare

def compared(path, *arguments):
    (path / "a.csv").write_bytes(CSV)
    (path / "long.csv").write_bytes(LONG)
    return without_faults(path, "compare", *arguments)


def compare_to(to):
    def tried(path):
        gives = compared(path, "a.csv", "--to", to, "--per-unit")
        arguments = ["compare", "a.csv", "--threads", "2", "--to", to, "--per-unit"]
        (path / "print").mkdir()
        attempt(path / "print", arguments, gives, {"a.csv": CSV})
        (path / "file").mkdir()
        attempt(path / "file", [*arguments, "-o", "out"], gives, {"a.csv": CSV}, out="out")
    tried.__name__ = f"compare to {to}"
    return row(tried)


for each in ("table", "json", "jsonl", "csv", "tsv", "markdown"):
    compare_to(each)


@row
def compare_with_threads(path):
    gives = compared(path, "long.csv", "--to", "json")
    attempt(path, ["compare", "long.csv", "--threads", "3", "--to", "json", "-o", "out.json"], gives,
            {"long.csv": LONG}, out="out.json")


@row
def compare_over_a_limit(path):
    gives = compared(path, "a.csv", "--fail-if-dead", "0.1", "--to", "csv")
    attempt(path, ["compare", "a.csv", "--fail-if-dead", "0.1", "--to", "csv", "-o", "out.csv"], gives, {"a.csv": CSV},
            out="out.csv", status=3, after=True)


@row
def partial_reports_and_their_merger(path):
    arguments = ["compare", "a.csv", "--part", "1/1", "--partial"]
    gives = compared(path, *arguments[1:])
    (path / "partial").mkdir()
    attempt(path / "partial", [*arguments, "-o", "part.json"], gives, {"a.csv": CSV}, out="part.json")
    (path / "merge").mkdir()
    attempt(path / "merge", ["compare", "--merge", "part.json", "--to", "csv"], compared(path, "a.csv", "--to", "csv"),
            {"part.json": gives})


@row
def a_plot(path):
    attempt(path, ["compare", "a.csv", "--plot", "out.svg", "-o", "report.txt"], b"<svg/>\n",
            {"a.csv": CSV, "report.txt": b""}, out="out.svg")


# ---------------------------------------------------------------- before and after all rows

def begin(options):
    global BINARY
    if not options.inject:
        raise SystemExit("inject needs --inject RECTIFY_INJECT")
    BINARY = str(options.inject.resolve())


def end(options):
    """Whether every kind of call was made by some row."""
    never = KINDS - SEEN - {"ioctl"} - ({"fchown"} if os.geteuid() else set())  # ioctl() takes a terminal
    if options.filter or not never:
        return True
    print("no row makes a call of:", *sorted(never))
    return False

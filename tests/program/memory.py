"""Memory that does not grow with the input: each row is a call on an input of --mib MiB (48 unless given; 2048 is the size
that the promise is made for; JSON has half of it), whose largest resident set must stay below 64 MiB, on two threads and
from a file or a pipe as the row says. Last, the summary of a sparse .npy of 10 GB, which must not be read. wait4() counts
what the process that started another held, too: a figure as small as this script's own is an upper bound. All is skipped
where a sanitizer keeps what is freed.
"""
import json
import os
import pathlib
import random
import re
import resource
import struct
import subprocess
import threading
import time
import zipfile

from harness import Outcome, Scratch, Skip, feed, need, npy, row

LIMIT_KIB = 64 << 10
SECONDS = 3600
AT_ONCE = 1  # of rows: the inputs are large
MIB = 48


def begin(options):
    global MIB
    MIB = max(options.mib, 2)
    if not Scratch("/").limited_memory(1000000):
        raise Skip("the program does not start under ulimit -v (a sanitizer?)")


def end(_):
    print(f"this script itself: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.1f} MiB")
    return True


def bytes_seen():
    """What this process and the children it has waited for have read or touched so far; None if nobody counts."""
    try:
        counts = pathlib.Path("/proc/self/io").read_text()
    except OSError:
        return None
    faults = resource.getrusage(resource.RUSAGE_CHILDREN)
    return int(re.search(r"rchar: (\d+)", counts)[1]) + (faults.ru_minflt + faults.ru_majflt) * resource.getpagesize()


def blocks_of(path):
    with open(path, "rb") as file:
        while block := file.read(1 << 16):
            yield block


def measured(s, title, arguments, piped=None, keep=False):
    """The call, with the bytes of the file `piped` in a pipe; standard output is kept or thrown away. It must succeed in
    little memory."""
    begun = time.monotonic()
    process = s.start(arguments, seconds=SECONDS, stdin=subprocess.PIPE if piped else subprocess.DEVNULL,
                      stdout=subprocess.PIPE if keep else subprocess.DEVNULL)
    if piped:
        threading.Thread(daemon=True, target=feed, args=(process.stdin, blocks_of(s.path / piped))).start()
    stdout = process.stdout.read() if keep else b""
    stderr = process.stderr.read()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    for stream in (process.stdout, process.stderr):
        if stream:
            stream.close()
    print(f"{title:<58} {usage.ru_maxrss / 1024:7.1f} MiB {time.monotonic() - begun:8.3f} s", flush=True)
    outcome = Outcome(stdout, stderr, process.returncode)
    outcome.succeeds()
    need(usage.ru_maxrss < LIMIT_KIB, f"{usage.ru_maxrss / 1024:.1f} MiB, not below {LIMIT_KIB >> 10}")
    return outcome


# ---------------------------------------------------------------- inputs

def numbers(count):
    source = random.Random(0)
    return [round(source.gauss(0, 2), 6) for _ in range(count)]


def write(path, size, first, block, between, last):
    """`first`, `block` again and again until there are `size` bytes, `last`."""
    with open(path, "wb") as file:
        file.write(first + block)
        while file.tell() < size:
            file.write(between + block)
        file.write(last)


def csv_file(path, size):
    values = numbers(16000)
    rows = b"".join(b"%g,%g,%g,%g,%g,%g,%g,%g\n" % tuple(values[i:i + 8]) for i in range(0, len(values), 8))
    write(path, size, b"a,b,c,d,e,f,g,h\n", rows, b"", b"")


def json_file(path, size):
    values = numbers(16000)
    rows = ",\n ".join(json.dumps(values[i:i + 8]) for i in range(0, len(values), 8)).encode()
    write(path, size, b"[", rows, b",\n ", b"]\n")


def records_file(path, size):
    values = numbers(16000)
    write(path, size, b"", b"".join(b"[%g, %g]\n" % tuple(values[i:i + 2]) for i in range(0, 16000, 2)), b"", b"")


def numbers_file(path, size):
    write(path, size, b"", b"".join(b"%g\n" % value for value in numbers(16000)), b"", b"")


COLUMNS = 256


def npy_file(path, size, fortran=False):
    rows = max(size // (4 * COLUMNS), 1)
    block = struct.pack("<16384f", *numbers(16384))
    with open(path, "wb") as file:
        file.write(npy((rows, COLUMNS), fortran=fortran))
        left = rows * COLUMNS * 4
        while left:
            left -= file.write(block[:left])


def fortran_file(path, size):
    npy_file(path, size, fortran=True)


def halves_of(size):
    """Of two tensors the rows of each, and blocks of their bytes."""
    rows = max(size // (2 * 4 * COLUMNS), 1)
    block = struct.pack("<16384f", *numbers(16384))

    def blocks():
        left = rows * COLUMNS * 4
        while left:
            yield block[:left]
            left -= len(block[:left])

    return rows, blocks


def safetensors_file(path, size):
    rows, blocks = halves_of(size)
    half = rows * COLUMNS * 4
    header = json.dumps({name: {"dtype": "F32", "shape": [rows, COLUMNS], "data_offsets": [k * half, (k + 1) * half]}
                         for k, name in enumerate(("a", "b"))}).encode()
    header += b" " * (-len(header) % 8)
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(header)) + header)
        for _ in "ab":
            file.writelines(blocks())


def npz_file(path, size, how=zipfile.ZIP_STORED):
    rows, blocks = halves_of(size)
    with zipfile.ZipFile(path, "w", how, compresslevel=1) as archive:
        for name in ("a.npy", "b.npy"):
            with archive.open(name, "w", force_zip64=True) as member:
                member.write(npy((rows, COLUMNS)))
                for block in blocks():
                    member.write(block)


def deflated_file(path, size):
    npz_file(path, size, zipfile.ZIP_DEFLATED)


INPUTS = (  # name, what makes it, its share of MIB, the calls on it: arguments, whether it comes from a pipe
    ("in.csv", csv_file, 1, (
        (["--to", "csv"], False), (["--to", "csv"], True), (["--to", "jsonl"], False), ([], False),
        (["--mode", "relu,leaky", "--to", "csv"], False), (["--to", "npy", "-o", "out.npy"], False),
        (["compare"], False), (["compare", "--to", "json", "--per-unit"], True))),
    ("in.json", json_file, 0.5, ((["--to", "json"], False), (["--to", "json"], True), ([], False))),
    ("in.jsonl", records_file, 0.5, ((["--to", "jsonl"], False), (["--to", "jsonl"], True), (["compare"], False))),
    ("plain.jsonl", numbers_file, 0.5, ((["--to", "jsonl"], False),)),
    ("plain.json", numbers_file, 0.5, ((["--to", "json"], False),)),
    ("in.npy", npy_file, 1, (
        (["--to", "npy", "-o", "out.npy"], False), (["--to", "npy", "-o", "out.npy"], True), (["--to", "csv"], False),
        (["--mode", "relu,leaky", "-o", "out.npz"], False), ([], True), (["compare"], False), (["compare"], True))),
    ("in.safetensors", safetensors_file, 1, (
        (["-o", "out.npz"], False), (["-o", "out.safetensors"], False), (["--mode", "elu", "-o", "out.npz"], False),
        (["--mode", "relu,leaky", "-o", "out.safetensors"], False), (["--echo", "-o", "out.npz"], True),
        (["-o", "out.npz"], True), (["compare"], False))),
    ("in.npz", npz_file, 1, (
        (["-o", "out.safetensors"], False), (["--mode", "relu,leaky,elu", "-o", "out.npz"], False), (["compare"], False))),
    ("deflated.npz", deflated_file, 1, ((["-o", "out.safetensors"], False), (["compare"], False))),
    ("fortran.npy", fortran_file, 1, ((["--to", "npy", "-o", "out.npy"], False), (["compare"], False))),
)


# ---------------------------------------------------------------- rows

def call_of(name, arguments, piped):
    command = ["compare"] if arguments[:1] == ["compare"] else []
    rest = arguments[len(command):]
    return [*command, *(["-", "--from", name.rsplit(".", 1)[1]] if piped else [name]), *rest]


def stays_small(name, make, share, arguments, piped):
    title = f"{'a pipe of ' + name + ' | ' if piped else ''}{' '.join(arguments)}"

    def tried(s):
        make(s.path / name, int(MIB * share) << 20)
        measured(s, title, [*arguments, "--threads", "2"], name if piped else None)
        if "out.npy" in arguments and name.endswith("npy"):
            sizes = [(s.path / file).stat().st_size for file in (name, "out.npy")]
            need(sizes[0] == sizes[1], f"{sizes[1]} bytes written of {sizes[0]}")

    tried.__name__ = title
    row(tried)


for each, maker, part, calls in INPUTS:
    for words, from_pipe in calls:
        stays_small(each, maker, part, call_of(each, words, from_pipe), from_pipe)


@row
def lines_that_are_skipped_are_not_held(s):
    half = MIB << 19
    line, thousands = b"# " + b"x" * 97 + b"\n", half // 100000
    with open(s.path / "a.csv", "wb") as file:
        for _ in range(thousands):
            file.write(line * 1000)
        for _ in range(half >> 16):  # one long line
            file.write(b"y" * (1 << 16))
        file.write(b"\nx,y\n1,-2\n3,-4\n")
    skip = ["--skip", str(thousands * 1000 + 1), "--mode", "relu"]
    for words, call, piped in (("a file", ["a.csv"], None), ("a pipe", ["--from", "csv"], "a.csv")):
        got = measured(s, f"{words} of skipped lines", [*call, *skip, "--to", "json"], piped, keep=True)
        need(got.stdout == b"[[1.0, 0.0], [3.0, 0.0]]\n", got)
        measured(s, f"{words} of skipped lines to csv", [*call, *skip, "--to", "csv", "--out-header", "no"], piped)


def is_not_read(shape, fortran, shown=None):
    title = f"10 GB, shape {shape}{', Fortran' if fortran else ''}"

    def tried(s):
        with open(s.path / "sparse.npy", "wb") as file:
            file.write(npy(shape, fortran=fortran))
            file.truncate(file.tell() + 10_000_000_000)
        if (s.path / "sparse.npy").stat().st_blocks * 512 > 1 << 20:
            raise Skip("the file system has no sparse files")
        before = bytes_seen()
        stdout = measured(s, title, ["sparse.npy"], keep=True).stdout
        need(stdout == shown if shown else stdout.count(b"[0.,") == 6, repr(stdout[:200]))
        need(before is None or bytes_seen() - before <= 1 << 30, "it has been read")

    tried.__name__ = title
    row(tried)


is_not_read((2500000000,), False, b"tensor([0., 0., 0.,  ..., 0., 0., 0.])\n")
is_not_read((50000, 50000), False)
is_not_read((50000, 50000), True)
is_not_read((500000000, 5), False)


@row
def noise_is_drawn_slab_by_slab(s):
    count = MIB << 18  # of float32
    for arguments in (["--randn", str(count), "--to", "npy"], ["--randn", f"{count // 7},7", "--to", "csv"],
                      ["--randn", str(count)], ["compare", "--randn", f"{count // 256},256"]):
        measured(s, " ".join(arguments), [*arguments, "--seed", "0", "--threads", "2"])

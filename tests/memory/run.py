#!/usr/bin/python3
"""Memory that does not grow with the input: run.py BINARY [MIB]

Each row is a call on an input of MIB MiB (48 unless given; 2048 is the size that the promise is made for; JSON has
half of it), whose largest resident set must stay below 64 MiB, on two threads and from a file or a pipe as the row
says. Last, the summary of a sparse .npy of 10 GB, which must not be read. The inputs are made in a temporary folder,
one at a time. wait4() counts what the process that started another held, too: a figure as small as this script's own
is an upper bound. The exit status is 1 when a row failed, 77 where a sanitizer keeps what is freed.
"""
import json
import os
import pathlib
import random
import re
import resource
import struct
import subprocess
import sys
import tempfile
import threading
import time

LIMIT_KIB = 64 << 10
SECONDS = 3600
ENVIRONMENT = {"PATH": os.defpath, "LC_ALL": "C"}


def bytes_seen():
    """What this process and the children it has waited for have read or touched so far; None if nobody counts."""
    try:
        counts = pathlib.Path("/proc/self/io").read_text()
    except OSError:
        return None
    faults = resource.getrusage(resource.RUSAGE_CHILDREN)
    return int(re.search(r"rchar: (\d+)", counts)[1]) + (faults.ru_minflt + faults.ru_majflt) * resource.getpagesize()


class Usage:
    """How a call went."""

    def __init__(self, status, stderr, stdout, seconds, peak_kib):
        self.status, self.stderr, self.stdout, self.seconds, self.peak_kib = status, stderr, stdout, seconds, peak_kib


def feed(pipe, path):
    try:
        with open(path, "rb") as file:
            while block := file.read(1 << 16):
                pipe.write(block)
        pipe.close()
    except BrokenPipeError:
        pass


def measured(binary, arguments, folder, piped=None, keep=False):
    """The call, with the bytes of the file `piped` in a pipe; standard output is kept or thrown away."""
    begin = time.monotonic()
    process = subprocess.Popen([binary, *arguments], cwd=folder, env=ENVIRONMENT, stderr=subprocess.PIPE,
                               stdin=subprocess.PIPE if piped else subprocess.DEVNULL,
                               stdout=subprocess.PIPE if keep else subprocess.DEVNULL)
    watch = threading.Timer(SECONDS, process.kill)
    watch.start()
    if piped:
        threading.Thread(daemon=True, target=feed, args=(process.stdin, folder / piped)).start()
    stdout = process.stdout.read() if keep else b""
    stderr = process.stderr.read()
    _, status, usage = os.wait4(process.pid, 0)
    watch.cancel()
    process.returncode = os.waitstatus_to_exitcode(status)
    for stream in (process.stdout, process.stderr):
        if stream:
            stream.close()
    return Usage(process.returncode, stderr, stdout, time.monotonic() - begin, usage.ru_maxrss)


# ---------------------------------------------------------------- inputs

def npy_header(shape, fortran=False):
    text = f"{{'descr': '<f4', 'fortran_order': {fortran}, 'shape': {shape}, }}".encode()
    text += b" " * (-(len(text) + 11) % 64) + b"\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text


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
        file.write(npy_header(f"({rows}, {COLUMNS})", fortran))
        left = rows * COLUMNS * 4
        while left:
            left -= file.write(block[:left])


def fortran_file(path, size):
    npy_file(path, size, fortran=True)


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
        ([], True), (["compare"], False), (["compare"], True))),
    ("fortran.npy", fortran_file, 1, ((["--to", "npy", "-o", "out.npy"], False), (["compare"], False))),
)


# ---------------------------------------------------------------- rows

def call_of(name, arguments, piped):
    command = ["compare"] if arguments[:1] == ["compare"] else []
    rest = arguments[len(command):]
    return [*command, *(["-", "--from", name.rsplit(".", 1)[1]] if piped else [name]), *rest, "--threads", "2"]


def verdict(title, usage, wrong=""):
    """Prints the row; whether it holds."""
    if usage.status or usage.stderr:
        wrong = f"exit {usage.status}, {usage.stderr[:300]!r}"
    elif usage.peak_kib >= LIMIT_KIB:
        wrong = f"not below {LIMIT_KIB >> 10} MiB"
    print(f"{'FAILED' if wrong else 'ok    '} {title:<58} {usage.peak_kib / 1024:7.1f} MiB {usage.seconds:8.2f} s"
          f"{'  ' if wrong else ''}{wrong}", flush=True)
    return not wrong


def streams(binary, folder, mib):
    for name, make, share, calls in INPUTS:
        size = int(mib * share) << 20
        make(folder / name, size)
        for arguments, piped in calls:
            arguments = call_of(name, arguments, piped)
            usage = measured(binary, arguments, folder, name if piped else None)
            wrong = ""
            out = folder / "out.npy"
            if out.exists():
                if name.endswith("npy") and out.stat().st_size != (folder / name).stat().st_size:
                    wrong = f"{out.stat().st_size} bytes written"
                out.unlink()
            yield verdict(f"{'a pipe of ' + name + ' | ' if piped else ''}{' '.join(arguments[:-2])}", usage, wrong)
        (folder / name).unlink()


def sparse_summaries(binary, folder):
    for shape, fortran, shown in (
            ("(2500000000,)", False, b"tensor([0., 0., 0.,  ..., 0., 0., 0.])\n"),
            ("(50000, 50000)", False, None), ("(50000, 50000)", True, None), ("(500000000, 5)", False, None)):
        path = folder / "sparse.npy"
        with open(path, "wb") as file:
            file.write(npy_header(shape, fortran))
            file.truncate(file.tell() + 10_000_000_000)
        if path.stat().st_blocks * 512 > 1 << 20:
            print("skipped: a sparse .npy of 10 GB: the file system has no sparse files")
            return
        before = bytes_seen()
        usage = measured(binary, [path.name], folder, keep=True)
        right = usage.stdout == shown if shown else usage.stdout.count(b"[0.,") == 6
        wrong = "" if right else repr(usage.stdout[:200])
        if before is not None and bytes_seen() - before > 1 << 30:
            wrong = "it has been read"
        title = f"10 GB, shape {shape}{', Fortran' if fortran else ''}: {1000 * usage.seconds:.0f} ms"
        yield verdict(title, usage, wrong)
        path.unlink()


def sanitized(binary):
    """A program built with a sanitizer cannot start in little address space."""
    done = subprocess.run(["sh", "-c", 'ulimit -v 1000000; exec "$0" --version', binary], env=ENVIRONMENT,
                          capture_output=True, check=False)
    return done.returncode != 0


def main():
    if not 2 <= len(sys.argv) <= 3 or (len(sys.argv) == 3 and not sys.argv[2].isdigit()):
        sys.exit(__doc__)
    binary = str(pathlib.Path(sys.argv[1]).resolve())
    if sanitized(binary):
        print("skipped: the program does not start under ulimit -v (a sanitizer?)")
        return 77
    mib = max(int(sys.argv[2]), 2) if len(sys.argv) == 3 else 48
    with tempfile.TemporaryDirectory(prefix="rectify-memory-") as name:
        folder = pathlib.Path(name)
        results = [*streams(binary, folder, mib), *sparse_summaries(binary, folder)]
    print(f"this script itself: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.1f} MiB")
    print(f"{sum(results)} passed, {len(results) - sum(results)} failed")
    return 0 if all(results) else 1


if __name__ == "__main__":
    sys.exit(main())

"""Rows: a test script as a list of functions, each a sentence about the program.

    @row
    def a_full_disk_is_an_error(scratch): ...

A row gets a scratch folder of its own, raises Fault (by need()) for what went otherwise than expected and Skip for what
cannot be tried here. run() tries the rows, two at a time, says what failed or was skipped and ends with "N passed, N
failed, N skipped". Besides, what most such scripts need: the environment of a call, what a clean message is, .npy.
"""
import concurrent.futures
import os
import pathlib
import re
import struct
import tempfile

rows = []

# What a program with a sanitizer is to know of the caller's environment, and all that any program is.
SANITIZERS = {name: value for name, value in os.environ.items() if name.endswith("SAN_OPTIONS")}
ENVIRONMENT = {"PATH": os.defpath, "LC_ALL": "C", **SANITIZERS}

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


class Outcome:
    """What a call of the program gave. Scripts add what they expect of it."""

    def __init__(self, stdout, stderr, status):
        # libgcov complains on standard error when it may not write its counts.
        self.stdout, self.stderr, self.status = stdout, re.sub(rb"(?m)^(libgcov )?profiling.*:.*\n", b"", stderr), status

    def __repr__(self):
        return f"exit {self.status}, stdout {short(self.stdout)}, stderr {short(self.stderr)}"

    def need_one_clean_line(self, *words):
        """The text of standard error, which is to be `rectify: ` and a sentence of moderate length, UTF-8 without anything
        UNSAFE."""
        try:
            text = self.stderr.decode()
        except UnicodeDecodeError:
            raise Fault(" ".join(map(str, (*words, "the message is not UTF-8:", self)))) from None
        clean = text.startswith("rectify: ") and text.endswith("\n") and not UNSAFE.search(text[:-1]) and len(text) < 2000
        need(clean, *words, "not one short clean line:", self)
        return text


def npy(shape, data=b"", descr="<f4", order="False", align=64):
    """An array as numpy.save writes it; `shape` as Python shows a tuple."""
    header = f"{{'descr': '{descr}', 'fortran_order': {order}, 'shape': {shape}, }}".encode("latin-1")
    header += b" " * (-(len(header) + 11) % align) + b"\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header + data


def run(scratch_of, words=""):
    """Tries the rows whose names contain `words`; scratch_of(path) makes what a row gets. The exit status: 1 if one
    failed or none was tried, 77 if all were skipped."""
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
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        for function, (result, why) in zip(wanted, pool.map(outcome_of, wanted)):
            counts[result] += 1
            if result != "passed":
                print(f"{result}: {function.__name__.replace('_', ' ')}: {why}", flush=True)
    print(", ".join(f"{count} {result}" for result, count in counts.items()))
    if counts["failed"] or not wanted:
        return 1
    return 77 if counts["skipped"] == len(wanted) else 0

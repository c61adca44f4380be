"""Rows: a test script as a list of functions, each a sentence about the program.

    @row
    def a_full_disk_is_an_error(scratch): ...

A row gets a scratch folder of its own, raises Fault (by need()) for what went otherwise than expected and Skip for what cannot be tried
here. run() tries the rows, two at a time, says what failed or was skipped and ends with "N passed, N failed, N skipped".
"""
import concurrent.futures
import os
import pathlib
import subprocess
import tempfile

rows = []


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
    """The seconds a call may take. A program with a sanitizer, or one that counts its lines, takes longer: their presets
    set RECTIFY_PATIENCE, a factor."""
    return seconds * float(os.environ.get("RECTIFY_PATIENCE", "1"))


class Outcome:
    """What a call of the program gave. Scripts add what they expect of it."""

    def __init__(self, stdout, stderr, status):
        self.stdout, self.stderr, self.status = stdout, stderr, status

    def __repr__(self):
        return f"exit {self.status}, stdout {short(self.stdout)}, stderr {short(self.stderr)}"


def run(scratch_of, words=""):
    """Tries the rows whose names contain `words`; scratch_of(path) makes what a row gets. The exit status: 1 if one failed or none was
    tried."""
    def outcome_of(function):
        with tempfile.TemporaryDirectory(prefix="rectify-rows-") as name:
            try:
                function(scratch_of(pathlib.Path(name)))
                return "passed", ""
            except Skip as why:
                return "skipped", str(why)
            except Fault as why:
                return "failed", str(why)
            except (OSError, ValueError, subprocess.SubprocessError) as why:
                return "failed", f"{type(why).__name__}: {why}"

    wanted = [function for function in rows if words in function.__name__]
    counts = {"passed": 0, "failed": 0, "skipped": 0}
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        for function, (result, why) in zip(wanted, pool.map(outcome_of, wanted)):
            counts[result] += 1
            if result != "passed":
                print(f"{result}: {function.__name__.replace('_', ' ')}: {why}", flush=True)
    print(", ".join(f"{count} {result}" for result, count in counts.items()))
    return 1 if counts["failed"] or not wanted else 0

#!/usr/bin/python3
"""Golden command tests: run.py BINARY [--update] [--filter TEXT] [--jobs N]

Each folder beside this file is one behaviour, named for it:

    cmd             a shell snippet, run by `sh` in a fresh scratch folder; `rectify` on PATH is BINARY
    stdout          the exact bytes expected on standard output        (absent: none)
    stderr          the exact bytes expected on standard error         (absent: none), or instead of it
    stderr_pattern  a Python regular expression that matches all of it (`.` does not match a newline)
    status          the exit status of the snippet, in decimal         (absent: 0)
    anything else   input, copied into the scratch folder

A snippet sees LC_ALL=C, a HOME of its own, an empty standard input and nothing of the caller's environment but
the sanitizers' options; it may take 20 seconds. --update rewrites `stdout`, `stderr` and `status` from what the
program does now (a pattern that no longer matches stays, and fails): review the result as a diff before
committing it. The exit status is 1 when a case failed.
"""
import argparse
import concurrent.futures
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True  # in the tree
HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))
from harness import ENVIRONMENT  # noqa: E402 (beside this folder)

EXPECTATIONS = ("cmd", "stdout", "stderr", "stderr_pattern", "status")
SECONDS = 20


def content(path):
    return path.read_bytes() if path.exists() else b""


def visible(data):
    """Text in which every byte that a terminal would not show as itself is escaped."""
    def show(character):
        if character == "\n":
            return "\n"
        return character if character.isprintable() else character.encode("unicode_escape").decode()

    text = "".join(show(c) for c in data.decode("utf-8", "backslashreplace"))
    return text if text.endswith("\n") or not text else text + "\n(no newline at the end)\n"


def environment(scratch):
    return {**ENVIRONMENT, "PATH": f"{scratch / 'bin'}:{ENVIRONMENT['PATH']}", "HOME": str(scratch / "home")}


def execute(case, binary):
    """The snippet's standard output, standard error and exit status (bytes, all three)."""
    with tempfile.TemporaryDirectory(prefix="rectify-golden-") as name:
        scratch = pathlib.Path(name)
        for folder in ("bin", "home", "work"):
            (scratch / folder).mkdir()
        (scratch / "bin" / "rectify").symlink_to(binary)
        for file in case.iterdir():
            if file.name not in EXPECTATIONS:
                shutil.copy(file, scratch / "work")
        process = subprocess.Popen(
            ["sh", "-c", (case / "cmd").read_text()], cwd=scratch / "work", env=environment(scratch),
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True)
        try:
            stdout, stderr = process.communicate(timeout=SECONDS)
            return stdout, stderr, b"%d\n" % process.returncode
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, 9)
            process.communicate()
            return b"", b"", b"none: it still ran after %d seconds\n" % SECONDS


def compare(case, got):
    """The names, expectations and findings that differ."""
    stdout, stderr, status = got
    pattern = case / "stderr_pattern"
    differences = []
    if stdout != content(case / "stdout"):
        differences.append(("stdout", content(case / "stdout"), stdout))
    if pattern.exists():
        wanted = pattern.read_text().rstrip("\n")
        if not re.fullmatch(wanted, stderr.decode("utf-8", "backslashreplace").rstrip("\n")):
            differences.append(("stderr, as a pattern", wanted.encode() + b"\n", stderr))
    elif stderr != content(case / "stderr"):
        differences.append(("stderr", content(case / "stderr"), stderr))
    if status.strip() != (content(case / "status").strip() or b"0"):
        differences.append(("status", content(case / "status") or b"0\n", status))
    return differences


def report(case, differences):
    lines = [f"FAILED {case.name}", visible((case / "cmd").read_bytes()).rstrip("\n")]
    for what, expected, got in differences:
        lines += [f"{' expected ' + what + ' ':-^100}", visible(expected).rstrip("\n"),
                  f"{' got ':-^100}", visible(got).rstrip("\n"), "-" * 100]
    return "\n".join(lines)


def update(case, got):
    for name, data, default in zip(("stdout", "stderr", "status"), got, (b"", b"", b"0\n")):
        if name == "stderr" and (case / "stderr_pattern").exists():
            continue
        if data == default:
            (case / name).unlink(missing_ok=True)
        else:
            (case / name).write_bytes(data)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("binary", type=lambda text: pathlib.Path(text).resolve())
    parser.add_argument("--update", action="store_true", help="rewrite the expectations")
    parser.add_argument("--filter", default="", metavar="TEXT", help="only cases whose name contains TEXT")
    parser.add_argument("--jobs", type=int, default=2, metavar="N")
    options = parser.parse_args()
    if not os.access(options.binary, os.X_OK):
        sys.exit(f"run.py: {options.binary} is no program")

    cases = sorted(cmd.parent for cmd in HERE.glob("*/cmd") if options.filter in cmd.parent.name)
    failed = 0
    with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
        for case, got in zip(cases, pool.map(lambda case: execute(case, options.binary), cases)):
            if options.update:
                update(case, got)
            differences = compare(case, got)
            if differences:
                failed += 1
                print(report(case, differences), end="\n\n", flush=True)
    print(f"{len(cases) - failed} passed, {failed} failed")
    return 1 if failed or not cases else 0


if __name__ == "__main__":
    sys.exit(main())

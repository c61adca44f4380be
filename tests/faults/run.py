#!/usr/bin/python3
"""Faults of the world around the program: run.py BINARY [FILTER]

Full devices, closed descriptors, signals in the middle of a write, resource limits, FIFOs, links, eight writers at
once, hostile names and documents. Each function of the modules beside this one is such a row, its name the sentence
that must hold; it gets a fresh scratch folder, and every call of the program may take 20 seconds and must not die of
a signal. A row that needs root, or a tool or a file system that is not there, is skipped with a word. FILTER picks
the rows whose name contains it. The exit status is 1 when a row failed.
"""
import pathlib
import sys

sys.dont_write_bytecode = True  # in the tree
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
import rows  # noqa: E402 (beside this folder)
import scratch  # noqa: E402
import documents, files, limits, live, outputs, signals, words  # noqa: E401,E402,F401 (their rows)


def main():
    if not 2 <= len(sys.argv) <= 3:
        sys.exit(__doc__)
    scratch.BINARY = str(pathlib.Path(sys.argv[1]).resolve())
    return rows.run(scratch.Scratch, sys.argv[2] if len(sys.argv) > 2 else "")


if __name__ == "__main__":
    sys.exit(main())

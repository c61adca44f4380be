#!/usr/bin/python3
"""The program as a whole, by rows of tests: run.py BINARY LABEL [FILTER]

A LABEL is one of the modules beside this file, which says what it is about: faults, parts, compare, bulk, soak, memory,
shells, containers, tables, inject. Each of its functions is a row, its name the sentence that must hold; so are those of the
modules LABEL_*. A row gets a fresh scratch folder. One that needs root, or a tool or a file system that is not there, is skipped with a word.
FILTER picks the rows whose name contains it. The exit status is 1 when a row failed, 77 when all were skipped.
"""
import argparse
import importlib
import os
import pathlib
import sys

sys.dont_write_bytecode = True  # in the tree
HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))
import harness  # noqa: E402 (beside this folder)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("binary", type=pathlib.Path)
    parser.add_argument("label", choices=("faults", "parts", "compare", "bulk", "soak", "memory", "shells",
                                          "containers", "tables", "inject"))
    parser.add_argument("filter", nargs="?", default="")
    parser.add_argument("--seed", type=int, default=0, help="of compare's random tensors")
    parser.add_argument("--mib", type=int, default=48, help="the size of memory's inputs")
    parser.add_argument("--inject", type=pathlib.Path, metavar="RECTIFY_INJECT", help="the program with inject.cpp")
    options = parser.parse_args()
    if options.label == "inject" and os.environ.get("RECTIFY_QUICK"):
        print("skipped: fault injection (--quick)")
        return 77

    harness.Scratch.binary = str(options.binary.resolve())
    module = importlib.import_module(options.label)
    for file in sorted(HERE.glob(f"{options.label}_*.py")):
        importlib.import_module(file.stem)
    if hasattr(module, "begin"):
        try:
            module.begin(options)
        except harness.Skip as why:
            print(f"skipped: {why}")
            return 77
    status = harness.run(getattr(module, "Scratch", harness.Scratch), options.filter, getattr(module, "AT_ONCE", 2))
    if hasattr(module, "end") and not module.end(options):
        status = 1
    return status


if __name__ == "__main__":
    sys.exit(main())

#!/usr/bin/python3
"""clang-tidy over lib, app, samples and tests, and cppcheck over all but tests: run.py BUILD-FOLDER [FILTER]

cppcheck 2.10 does not read doctest's macros. The build folder gives compile_commands.json. .clang-tidy and cppcheck.txt
say what is asked, and why not the rest. FILTER picks the files whose path contains it. Prints what is found; the exit
status is 1 if that is anything, and 77 if one of the tools is not there and the other finds nothing.
"""
import concurrent.futures
import json
import os
import pathlib
import shutil
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
SOURCE = HERE.parent.parent
FOLDERS = ("lib", "app", "samples", "tests")


def output(arguments):
    """What a tool says of the sources, '' if it has nothing to say."""
    done = subprocess.run(arguments, cwd=SOURCE, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    return done.stdout + done.stderr if done.returncode else ""


def clang_tidy(build, files):
    """A finding a file, by as many processes as there are processors."""
    def finding(path):
        return output(["clang-tidy", "--quiet", "-p", build, path])

    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        yield from pool.map(finding, files)


def cppcheck(files):
    if not files:
        return
    includes = [f"-I{folder}" for folder in ("lib/include", "lib/src", "app")]
    yield output(["cppcheck", "--quiet", "--std=c++20", "--language=c++", "--library=posix,gnu",
                  "--enable=warning,style,performance,portability", f"--suppressions-list={HERE / 'cppcheck.txt'}",
                  "--error-exitcode=1", f"-j{os.cpu_count()}", *includes, *files])


def main():
    if not 2 <= len(sys.argv) <= 3:
        sys.exit(__doc__)
    build = pathlib.Path(sys.argv[1]).resolve()
    words = sys.argv[2] if len(sys.argv) == 3 else ""
    commands = json.loads((build / "compile_commands.json").read_text())
    paths = {pathlib.Path(command["directory"], command["file"]).resolve() for command in commands}
    files = sorted(str(path.relative_to(SOURCE)) for path in paths if path.is_relative_to(SOURCE))
    files = [file for file in files if file.split("/")[0] in FOLDERS and words in file]
    if not files:
        sys.exit(f"no file in {build}/compile_commands.json has '{words}' in its path")

    plain = [file for file in files if not file.startswith("tests/")]
    missing, found = 0, 0
    for name, findings in (("clang-tidy", clang_tidy(build, files)), ("cppcheck", cppcheck(plain))):
        if not shutil.which(name):
            print(f"skipped: there is no {name}")
            missing += 1
            continue
        for text in filter(None, findings):
            print(text, flush=True)
            found += 1
    print(f"{len(files)} files: {'something' if found else 'nothing'} found")
    return 1 if found else 77 if missing else 0


if __name__ == "__main__":
    sys.exit(main())

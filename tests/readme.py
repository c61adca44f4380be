#!/usr/bin/python3
"""The documents against the program: readme.py BINARY [--update]

1. Every fenced block of README.md and samples/guide.md with the language `console` is a session: a line that begins with `$ ` is a
   command, what follows is its exact output, standard error merged. All of a document run in order, by `sh`, in one
   scratch folder with copies of samples/data and `rectify` on PATH. --update writes what the program prints now into
   the document instead: review the result as a diff.
2. Every `cpp` block of theirs is found, whole, in a file of samples/.
3. Every option that --help lists stands in the manual (--man), which names no option that --help does not list.
4. -h fits a screen of 24 lines and 80 columns, README.md has at most 300 lines.

The exit status is 1 when something failed.
"""
import difflib
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True  # in the tree
from harness import ENVIRONMENT  # noqa: E402 (beside this file)

TOP = pathlib.Path(__file__).resolve().parent.parent
DOCUMENTS = [TOP / "README.md", TOP / "samples" / "guide.md"]
PROMPT = "$ "
SECONDS = 60

passed = failed = 0


def check(title, ok, details=""):
    global passed, failed
    if ok:
        passed += 1
        return
    failed += 1
    print(f"FAILED {title}")
    if details:
        print(details.rstrip("\n"))


def blocks(lines, language):
    """The fenced blocks of a language: (first line, line behind the last), both inside the fences."""
    begin = None
    for i, line in enumerate(lines):
        if begin is None:
            if line.startswith("```"):
                begin, found = i + 1, line[3:].strip()
        elif line.rstrip() == "```":
            if found == language:
                yield begin, i
            begin = None
    if begin is not None:
        check(f"line {begin}: the block that begins here ends", False)


def run(command, folder, binary):
    """What `command` writes to both streams, in the order in which it does."""
    environment = {**ENVIRONMENT, "PATH": f"{folder / 'bin'}:{ENVIRONMENT['PATH']}", "HOME": str(folder)}
    done = subprocess.run(["sh", "-c", command], cwd=folder / "data", env=environment, stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=SECONDS, check=False)
    return done.stdout.decode("utf-8", "backslashreplace")


def difference(expected, got):
    return "\n".join(difflib.unified_diff(expected.splitlines(), got.splitlines(), "in the document", "printed now",
                                          lineterm=""))


def sessions(document, binary, update):
    lines = document.read_text(encoding="utf-8").splitlines()
    result, copied = [], 0
    with tempfile.TemporaryDirectory(prefix="rectify-readme-") as name:
        folder = pathlib.Path(name)
        (folder / "bin").mkdir()
        (folder / "bin" / "rectify").symlink_to(binary)
        shutil.copytree(TOP / "samples" / "data", folder / "data")
        for begin, end in blocks(lines, "console"):
            check(f"{document.name}:{begin + 1}: the block begins with a command", lines[begin].startswith(PROMPT))
            starts = [i for i in range(begin, end) if lines[i].startswith(PROMPT)]
            for i, following in zip(starts, [*starts[1:], end]):
                command = lines[i][len(PROMPT):]
                expected = "".join(line + "\n" for line in lines[i + 1:following])
                absent = [name for name in re.findall(r"\| *(jq|mlr)\b", command) if not shutil.which(name)]
                if absent:
                    print(f"skipped: {document.name}:{i + 1}: {absent[0]} is not installed")
                    result += lines[copied:following]
                    copied = following
                    continue
                try:
                    got = run(command, folder, binary)
                except subprocess.TimeoutExpired:
                    got = f"(not done after {SECONDS} seconds)\n"
                check(f"{document.name}:{i + 1}: {command}", update or got == expected, difference(expected, got))
                result += lines[copied:i + 1] + got.splitlines()
                copied = following
    if update:
        document.write_text("".join(line + "\n" for line in result + lines[copied:]), encoding="utf-8")


def snippets(document):
    lines = document.read_text(encoding="utf-8").splitlines()
    samples = {path.name: path.read_text(encoding="utf-8") for path in (TOP / "samples").glob("*.cpp")}
    for begin, end in blocks(lines, "cpp"):
        text = "".join(line + "\n" for line in lines[begin:end])
        check(f"{document.name}:{begin + 1}: the C++ stands in a file of samples/",
              any(text in sample for sample in samples.values()))


def options(binary):
    def printed(*words):
        return subprocess.run([binary, *words], capture_output=True, text=True, timeout=SECONDS, check=True).stdout

    def words(text):
        return set(re.findall(r"(?<![\w-])--?[a-z][a-z-]*\b", text))

    # An option's line begins with two blanks; its explanation stands further to the right.
    pages = printed("--help") + printed("compare", "--help")
    listed = set().union(*(words(head) for head in re.findall(r"^  (-.*?)(?:  |$)", pages, re.MULTILINE)))
    named = words(re.sub(r"\\f.", "", printed("--man")).replace(r"\-", "-"))
    check("--help lists options", len(listed) > 10, f"only {sorted(listed)}")
    for option in sorted(listed):
        check(f"the manual names {option}", option in named)
    for option in sorted(word for word in named if word.startswith("--")):
        check(f"--help lists {option}, which the manual names", option in listed)

    for command in ["-h"], ["compare", "-h"]:
        screen = printed(*command).splitlines()
        check(f"{' '.join(command)} fits 24 lines", len(screen) <= 24, f"it has {len(screen)}")
        for i, line in enumerate(screen, 1):
            check(f"{' '.join(command)}, line {i} fits 80 columns", len(line) <= 80, line)


def main():
    arguments = [word for word in sys.argv[1:] if word != "--update"]
    if len(arguments) != 1:
        sys.exit(__doc__)
    binary = pathlib.Path(arguments[0]).resolve()
    for document in DOCUMENTS:
        sessions(document, binary, "--update" in sys.argv)
        snippets(document)
    check("README.md has at most 300 lines", len(DOCUMENTS[0].read_text(encoding="utf-8").splitlines()) <= 300)
    options(binary)
    print(f"{passed} passed, {failed} failed")
    sys.exit(1 if failed else 0)


main()

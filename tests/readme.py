#!/usr/bin/python3
"""The documents against the program: readme.py BINARY [--update]

1. Every fenced block of README.md and samples/guide.md with the language `console` is a session: a line that begins with `$ ` is a
   command, what follows is its exact output, standard error merged. All of a document run in order, by `sh`, in one
   scratch folder with copies of samples/data and `rectify` on PATH. --update writes what the program prints now into
   the document instead: review the result as a diff.
2. Every `cpp` block of theirs is found, whole, in a file of samples/.
3. Every option that --help lists stands in the manual (--man), which names no option that --help does not list.
4. Each stands in README.md or guide.md, too, and so does each word that it takes.
5. What --help says holds where an option is not given stands in the manual, in the completion of zsh and fish, and in
   guide.md's table of defaults, which has no other rows. Where it is a word that the option takes, giving it changes
   nothing.
6. -h fits a screen of 24 lines and 80 columns, README.md has at most 300 lines.

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
                absent = [name for name in re.findall(r"\| *(jq|mlr|parallel)\b", command) if not shutil.which(name)]
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


def printed(binary, *words):
    return subprocess.run([binary, *words], capture_output=True, text=True, timeout=SECONDS, check=True).stdout


def unmarked(manual):
    return re.sub(r"\\f.", "", manual).replace(r"\-", "-").replace(r"\(aq", "'").replace(r"\&", "")


def options(binary):
    def words(text):
        return set(re.findall(r"(?<![\w-])--?[a-z][a-z-]*\b", text))

    # An option's line begins with two blanks; its explanation stands further to the right.
    pages = printed(binary, "--help") + printed(binary, "compare", "--help")
    listed = set().union(*(words(head) for head in re.findall(r"^  (-.*?)(?:  |$)", pages, re.MULTILINE)))
    named = words(unmarked(printed(binary, "--man")))
    check("--help lists options", len(listed) > 10, f"only {sorted(listed)}")
    for option in sorted(listed):
        check(f"the manual names {option}", option in named)
    for option in sorted(word for word in named if word.startswith("--")):
        check(f"--help lists {option}, which the manual names", option in listed)

    text = "".join(document.read_text(encoding="utf-8") for document in DOCUMENTS)
    documents = words(text)
    for option in sorted(word for word in listed if word.startswith("--")):
        check(f"README.md or guide.md shows {option}", option in documents)
    # What an option takes is what it says when it is given something else.
    for option in sorted(word for word in listed if word.startswith("--")):
        for command in [], ["compare"]:
            said = subprocess.run([binary, *command, f"{option}=?!"], stdin=subprocess.DEVNULL, capture_output=True,
                                  text=True, timeout=SECONDS, check=False).stderr
            found = re.fullmatch(rf"rectify: {option} takes ([\w, ]+), not '\?!'\n", said)
            choices = found[1] if found and "," in found[1] and "whole number" not in found[1] else ""
            for choice in re.findall(r"[a-z]\w*", choices):
                check(f"README.md or guide.md shows {choice} of {option}", re.search(rf"\b{choice}\b", text))

    for command in ["-h"], ["compare", "-h"]:
        screen = printed(binary, *command).splitlines()
        check(f"{' '.join(command)} fits 24 lines", len(screen) <= 24, f"it has {len(screen)}")
        for i, line in enumerate(screen, 1):
            check(f"{' '.join(command)}, line {i} fits 80 columns", len(line) <= 80, line)


def defaults_of_help(page):
    """{option: what stands in brackets behind its text}, of all options."""
    found, text_begins = {}, 24
    for line in page.splitlines():
        if re.match(r"  -", line):
            name = re.match(r"  (?:-\w, )?(-[-\w]+)", line)[1]
            found[name] = line[text_begins:] if line[text_begins - 1:text_begins] == " " else ""
        elif re.match(rf" {{{text_begins}}}\S", line) and found:
            found[name] += " " + line.strip()
    brackets = {name: re.search(r"(?:^| )\[(.*)\]$", text) for name, text in found.items()}
    return {name: bracket and bracket[1] for name, bracket in brackets.items()}


def defaults_of_manual(page):
    found = {}
    for entry in unmarked(page).split(".TP\n")[1:]:
        name = re.match(r"(?:-\w, )?(-[-\w]+)", entry)
        default = re.search(r"^Default:\s(.*?)\.$(?=\n[.]|\Z)", entry.rstrip("\n") + "\n.", re.DOTALL | re.MULTILINE)
        if name:
            found[name[1]] = default and re.sub(r"\s+", " ", default[1])
    return found


def defaults(binary):
    apply, compare = (defaults_of_help(printed(binary, *command, "--help")) for command in ([], ["compare"]))
    said = {("", name): default for name, default in apply.items() if default}
    said.update({("compare ", name): default for name, default in compare.items()
                 if default and default != apply.get(name)})
    check("--help has defaults", len(said) > 20, f"only {sorted(said)}")

    guide = (TOP / "samples" / "guide.md").read_text(encoding="utf-8")
    table = guide.partition("\n## What holds where nothing is said\n")[2].partition("\n## ")[0]
    rows = dict(re.findall(r"^\| `(.*?)`(?:, `-\w`)? \| (.*?) \|$", table, re.MULTILINE))
    wanted = {command + name: f"`{default}`" if " " not in default else default
              for (command, name), default in said.items()}
    for row in sorted({*wanted, *rows}):
        check(f"guide.md and --help have the same default of {row}", wanted.get(row) == rows.get(row),
              f"guide.md {rows.get(row)}, --help {wanted.get(row)}")

    before, _, behind = printed(binary, "--man").partition("\n.SS Compare\n")
    check("the manual has a section for compare", behind)
    pages = {"": defaults_of_manual(before), "compare ": defaults_of_manual(behind)}
    for (command, name) in {*said, *(("", name) for name in pages[""]), *(("compare ", name) for name in pages["compare "])}:
        # What both commands take stands among the options of the first.
        default = said.get((command, name)) or (command and apply.get(name)) or None
        check(f"the manual and --help have the same default of {command}{name}", pages[command].get(name) == default,
              f"the manual {pages[command].get(name)}, --help {default}")

    def bare(text):
        return re.sub(r"[\\']", "", text)
    for shell in "zsh", "fish":
        script = bare(printed(binary, "--completion", shell))
        for (command, name), default in said.items():
            dashed = {"zsh": f"{name}=", "fish": f"-l {name[2:]} "}[shell]
            lines = [line for line in script.splitlines() if dashed in line]
            check(f"the completion of {shell} has the default of {command}{name}",
                  any(bare(f"[{default}]") in line for line in lines), "\n".join(lines))

    # Tables in which another value than the default would show.
    with tempfile.TemporaryDirectory(prefix="rectify-readme-") as name:
        folder = pathlib.Path(name)
        shutil.copytree(TOP / "samples" / "data", folder / "data")
        (folder / "data" / "column.csv").write_text("a\n1.25\nnan\n-0.5\n")
        calls = {"": (["digits.csv"], ["--tensor", "[1e-9,-12345]"], ["column.csv", "--to", "csv"], ["column.csv", "--to", "json"]),
                 "compare ": (["layer1.npy", "--to", "csv"], ["digits.csv", "--to", "csv"], ["digits.csv", "--to", "json", "--per-unit"])}

        def result(*words):
            return subprocess.run([binary, *words], cwd=folder / "data", stdin=subprocess.DEVNULL, capture_output=True,
                                  text=True, timeout=SECONDS, check=False)
        for (command, option), default in said.items():
            if " " in default:
                continue
            taken = 0
            for call in calls[command]:
                given = result(*command.split(), *call, option, default)
                if given.returncode != 2:
                    taken += 1
                    check(f"{command}{' '.join(call)} is the same with {option} {default}",
                          given.stdout == result(*command.split(), *call).stdout)
            check(f"{command}{option} takes {default}, which --help calls its default", taken)


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
    defaults(binary)
    print(f"{passed} passed, {failed} failed")
    sys.exit(1 if failed else 0)


main()

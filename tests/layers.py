#!/usr/bin/env python3
"""Who may know whom in lib/, by its sources: python3 tests/layers.py

No activation is called by name outside lib/src/activation/ (its public names are nn.hpp's), no option of a program
anywhere in lib/, no format in the pump and in what stands on it. Who includes whom: the tables below. That every field
of options which an error names has an option in the program is looked up in app/flags.cpp.
"""

import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LIB = ROOT / "lib"

COMMENT_OR_STRING = re.compile(
    r'//[^\n]*|/\*.*?\*/|R"\((?:.*?)\)"|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])\'', re.DOTALL)

# What a file of the first may include of the project, by the path in the directive. Those that are not named here may
# include anything of the library.
INNER = {
    "lib/src/activation/": r"activation/|kernels/target\.hpp|rectify/|dispatch\.hpp|half\.hpp|number/number\.hpp",
    "lib/src/kernels/": r"kernels/|number/|rectify/|dispatch\.hpp|half\.hpp",
    "lib/src/formats/": r"kernels/(columns|count|crc)\.hpp|io/(inflate|reader)\.hpp|(csv|json)_\w+\.hpp|(arrays|npy|npz|pickle|pt|rewrite|zip|integers|float_format)\.hpp|format\.hpp|randn\.hpp|torch_printer\.hpp|workers\.hpp|rectify/|dispatch\.hpp|half\.hpp|number/number\.hpp|utf8\.hpp",
    "lib/src/formats/csv": r"(?!json)",
    "lib/src/formats/json": r"(?!csv)",
    "lib/src/error.cpp": r"rectify/error\.hpp|utf8\.hpp",
    "lib/src/io/": r"(descriptor|inflate|reader)\.hpp|kernels/crc\.hpp|rectify/(io|error)\.hpp",
    "lib/src/tensor.cpp": r"rectify/(tensor|error)\.hpp|dispatch\.hpp|half\.hpp|sanitizers\.hpp",
    "lib/src/number/": r"number/|rectify/(tensor|error)\.hpp|dispatch\.hpp|half\.hpp",
    "lib/src/randn.": r"randn\.hpp|kernels/target\.hpp|rectify/(random|tensor|error)\.hpp|dispatch\.hpp|half\.hpp",
    "lib/src/workers.": r"(sanitizers|workers)\.hpp",
    "lib/src/pump.hpp": r"formats/format\.hpp|gather\.hpp|rectify/|workers\.hpp",
    "lib/src/stream.cpp": r"formats/format\.hpp|gather\.hpp|pump\.hpp|rectify/",
    "lib/include/": r"rectify/",
}
# What of other projects may be included, where not everything may.
OUTER = {
    "lib/include/": None,
    "lib/src/": r"nlohmann/json\.hpp",
    "app/": r"CLI/|fmt/|nlohmann/json\.hpp",
}
OTHERS = re.compile(r"(CLI|fmt|nlohmann|doctest)/")

wrong = []


def fail(path, line, text):
    wrong.append(f"{path.relative_to(ROOT)}:{line}: {text}")


def sources(*folders):
    return sorted(p for folder in folders for p in (ROOT / folder).rglob("*") if p.suffix in (".hpp", ".cpp"))


def pieces(text):
    """Comments, strings, characters and the code between them, as (kind, line, text)."""
    line, end = 1, 0
    for match in COMMENT_OR_STRING.finditer(text):
        between = text[end:match.start()]
        yield "code", line, between
        line += between.count("\n")
        kind = {"/": "comment", "'": "character"}.get(match[0][0], "string")
        yield kind, line, match[0]
        line += match[0].count("\n")
        end = match.end()
    yield "code", line, text[end:]


def find(path, pattern, kinds, what):
    for kind, line, piece in pieces(path.read_text()):
        if kind not in kinds:
            continue
        for match in pattern.finditer(piece):
            fail(path, line + piece.count("\n", 0, match.start()), f"{what}: {match[0]}")


def words(names):
    return re.compile(r"(?<![\w-])(?:" + "|".join(map(re.escape, sorted(names))) + r")(?![\w-])")


def names_in(path, pattern, least):
    found = set(re.findall(pattern, (ROOT / path).read_text()))
    if len(found) < least:
        fail(ROOT / path, 1, f"only {len(found)} names are found in it; this check is out of date")
    return found


def names():
    rows = names_in("lib/src/activation/table.cpp",
                    r'\{\.name = "(\w+)",\s+\.function = "(\w+)",\s+\.module = "(\w+)"', 25)
    activations = {name for row in rows for name in row} - {"threshold"}  # which is print's, too
    for path in sources("lib/src"):
        if path.parent.name != "activation":
            find(path, words(activations), ("code", "string"), "an activation is called by name")

    option = re.compile(r"(?<![\w-])--[a-z][a-z-]+")
    for path in sources("lib"):
        find(path, option, ("comment", "string"), "an option of a program")

    formats = names_in("lib/src/formats/table.cpp", r'\{"(\w+)", Kind::', 6)
    for name in ("pump.hpp", "stream.cpp", "compare/compare.cpp"):
        find(LIB / "src" / name, words(formats), ("code", "string"), "a format is called by name")


def fields():
    options = (ROOT / "app/flags.cpp").read_text()
    found = set()
    for path in sources("lib/src"):
        for match in re.finditer(r'option\(\s*"([^"]*)"|\{"([\w.]+)", \[\]\(const ReadOptions', path.read_text()):
            found.add(match[1] or match[2])
    if len(found) < 8:
        fail(LIB / "src/error.cpp", 1, "few fields are found; this check is out of date")
    for field in found:
        if f'"--{field.replace("_", "-")}"' not in options and f'.field = "{field}"' not in options:
            fail(ROOT / "app/flags.cpp", 1, f"no option sets {field}, which an error of the library names")


def includes():
    for path in sources("lib", "app"):
        name = str(path.relative_to(ROOT))
        rules = [rule for start, rule in INNER.items() if name.startswith(start)]
        for number, line in enumerate(path.read_text().split("\n"), 1):
            match = re.match(r'\s*#\s*include\s*([<"])([^>"]+)', line)
            if match is None:
                continue
            target = match[2]
            inner = match[1] == '"' or target.startswith("rectify/")
            if inner and any(re.match(rf"(?:{rule})", target) is None for rule in rules):
                fail(path, number, f"{target} is not for this layer")
            if inner and name.startswith("app/") and re.match(r"(rectify|report)/", target) is None and "/" in target:
                fail(path, number, f"{target} is inside the library")
            if not inner and OTHERS.match(target):
                rule = next(rule for start, rule in OUTER.items() if name.startswith(start))
                if rule is None or re.match(rule, target) is None:
                    fail(path, number, f"{target} is not for this layer")


names()
fields()
includes()
print("\n".join(wrong) if wrong else "lib/ keeps its layers")
sys.exit(1 if wrong else 0)

#!/usr/bin/python3
"""The program against Python's json, a plain reader of CSV, and numpy.load, on random and mutated files; and mutated
command lines
against the rules that hold whatever they say: differential.py BINARY [SECONDS [SEED]]

Without SECONDS each row makes the same few rounds every time; with it, each goes on for that long from SEED (default:
drawn and told).
An input that fails is in the message. Rows that need numpy are skipped without it.
"""
import csv
import io
import itertools
import json
import math
import pathlib
import random
import re
import struct
import sys
import time

sys.dont_write_bytecode = True  # in the tree
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
import harness  # noqa: E402 (beside this folder)
from harness import Skip, need, row, short  # noqa: E402

try:
    import numpy as np
except ImportError:
    np = None

SECONDS = 0
SEED = 0

if hasattr(sys, "set_int_max_str_digits"):
    sys.set_int_max_str_digits(0)


NOTES = rb"(rectify: note: [ -~]+\n)*"  # such as that an integer is not exact in the dtype


def silent(outcome):
    return re.fullmatch(NOTES, outcome.stderr) is not None


def rounds(count, salt):
    """Random sources: `count` of them, or as many as there is time for."""
    end = time.monotonic() + SECONDS
    for i in itertools.count():
        if time.monotonic() >= end if SECONDS else i >= count:
            return
        yield random.Random(f"{SEED} {salt} {i}")


class Scratch(harness.Scratch):
    def run(self, *arguments, data=b""):
        return super().run(*arguments, data=data, signals=range(1, 65))  # refused() and the rows tell the input


def refused(outcome, statuses, *words):
    """One clean line."""
    need(outcome.status in statuses, *words, outcome)
    outcome.need_one_clean_line(*words)


def mutated(r, data, words=(b"",)):
    """A few edits: bytes changed, taken out, put in, doubled; words of the format put in."""
    data = bytearray(data)
    for _ in range(r.choice((0, 1, 1, 2, 3, 8))):
        at = r.randrange(len(data) + 1)
        kind = r.randrange(6)
        if kind == 0 and data:
            data[at % len(data)] = r.randrange(256)
        elif kind == 1:
            del data[at:at + r.choice((1, 1, 2, 10))]
        elif kind == 2:
            data[at:at] = r.choice(words)
        elif kind == 3:
            data[at:at] = bytes(data[at:at + r.randrange(1, 12)])
        elif kind == 4 and data:
            data[at % len(data)] = ord(r.choice("0123456789-+.eE,[]{}\"' \n\r\t;:"))
        elif kind == 5:
            del data[at:]
    return bytes(data)


def number(r):
    return r.choice((lambda: str(r.randrange(-9, 10)), lambda: repr(r.gauss(0, 1)), lambda: f"{r.uniform(-99, 99):.3f}",
                     lambda: repr(struct.unpack("<d", r.randbytes(8))[0]).replace("inf", "0").replace("nan", "0"),
                     lambda: f"{r.randrange(10**18)}{r.randrange(10**18)}e{r.randrange(-340, 320)}",
                     lambda: str(r.randrange(-2**70, 2**70)),
                     lambda: f"{r.randrange(-99, 99)}E{r.choice('+-')}{r.randrange(400)}"))()


def bits(value):
    return struct.pack("<d", value) if value == value else b"nan"


# ---------------------------------------------------------------- JSON

def random_json(r):
    def nested(shape):
        if not shape:
            return r.choice(("NaN", "Infinity", "-Infinity", "null", "-0", "-0.0")) if r.random() < 0.05 else number(r)
        blank = r.choice(("", "", " ", "\n", "\r\n\t"))
        return "[" + blank + ("," + blank).join(nested(shape[1:]) for _ in range(shape[0])) + blank + "]"
    values = [nested([r.randrange(4) for _ in range(r.randrange(4))]) for _ in range(r.choice((1, 1, 1, 2, 5)))]
    if r.random() < 0.2:
        values[0] = "{" + ", ".join(f'"{name}": {value}' for name, value in zip(("a", "b]", "\\u00e9"), values)) + "}"
    return r.choice(("\n", " ", "\n\n", "", "\x1e")).join(values).encode()


def flat(value, depth=0):
    """The shape and numbers of a tensor, or None."""
    if isinstance(value, list):
        parts = [flat(item, depth + 1) for item in value]
        if depth >= 128 or None in parts or any(part[0] != parts[0][0] for part in parts):
            return None
        return [len(parts), *(parts[0][0] if parts else [])], [x for part in parts for x in part[1]]
    if value is None:
        return [], [math.nan]
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    try:
        return [], [float(value)]
    except OverflowError:
        return None


def tensors_of_json(data):
    """The tensors that Python makes of the values of a text, one after another between blanks, each with its name; None if
    one is no tensor, nor an object of tensors with names of their own."""
    try:
        text = data.decode().removeprefix("\ufeff")
    except UnicodeDecodeError:
        return None
    found, at, blanks = [], 0, re.compile("[ \t\r\n\x1e]*")
    while True:
        begin = blanks.match(text, at).end()
        if begin == len(text):
            return found or None
        if found and begin == at:
            return None
        try:
            value, at = json.JSONDecoder(object_pairs_hook=tuple).raw_decode(text, begin)
        except (ValueError, RecursionError):
            return None
        members = value if isinstance(value, tuple) else [(None, value)]
        names = [name for name, _ in members]
        if not members or "" in names or len(set(names)) < len(names):
            return None
        found += [(name, flat(member)) for name, member in members]
        if any(tensor is None for _, tensor in found):
            return None


@row
def json_is_what_python_reads(s):
    words = (b"NaN", b"Infinity", b"-Infinity", b"null", b"true", b"1e999", b"[", b"]", b"[]", b",", b"\xef\xbb\xbf", b"-0",
             b"\"a\"", b"{}")
    for r in rounds(15, "json"):
        good, expected = [], []
        for i in range(40):
            data = mutated(r, random_json(r), words)
            name = f"{i}.json"
            s.write(name, data)
            tensors = tensors_of_json(data)
            if tensors is None:
                refused(s.run(name, "--dtype", "float64"), (1,), short(data))
            else:
                good.append(name)
                expected += [(data, tensor) for tensor in tensors]
        outcome = s.run(*good, "--dtype", "float64", "--slope", "1", "--to", "jsonl")
        need(outcome.status == 0 and silent(outcome), "a tensor is refused:", outcome)
        lines = outcome.stdout.decode().splitlines()
        need(len(lines) == len(expected), f"{len(lines)} lines of {len(expected)} tensors")
        for line, (data, (name, (shape, values))) in zip(lines, expected):
            got = json.loads(line)
            need(name is None or list(got) == [name], short(data), "is called", short(line))
            got = flat(got if name is None else got[name])
            # Sizes behind a 0 are not in the text.
            same = got[0] == shape[:shape.index(0) + 1] if 0 in shape else got[0] == shape
            need(same and list(map(bits, got[1])) == list(map(bits, values)), short(data), "is read as", short(line))


# ---------------------------------------------------------------- CSV

NUMBER = re.compile(r"[+-]?(?:(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?|nan|inf|infinity)",
                    re.IGNORECASE | re.ASCII)


MISSING_WORDS = set("""na n/a #n/a #na <na> n.a. n/d n.d. nat null nil none \\n missing nothing undefined undef ? * nan(ind) - -- --- .
    #value! #ref! #div/0! #num! #name? #null!""".split())
INVISIBLE = " \t\n\v\f\r\u00a0\u202f\u205f\u3000\ufeff" + "".join(map(chr, range(0x2000, 0x200c)))


def is_name(field):
    """Whether a field that is not a number makes a header of the first row."""
    field = re.sub("[\udc80-\udcff]", lambda byte: chr(ord(byte[0]) - 0xdc00), field).strip(INVISIBLE)  # Latin-1
    if len(field) > 2 and field[0] + field[-1] in ("()", "''"):
        field = field[1:-1].strip(INVISIBLE)
    if not field or re.sub("[A-Z]", lambda letter: letter[0].lower(), field) in MISSING_WORDS:
        return False
    return not re.match("[-+.,$\u00a2-\u00a5\u20a0-\u20cf\u2010-\u2015\u2212\ufe63\uff0b\uff0d0-9"
                        "\u0660-\u0669\u06f0-\u06f9\u0966-\u096f\uff10-\uff19]", field)


def has_header(first):
    """Whether a first row is a header; None if that cannot be told."""
    fields = [field.strip(" \t") for field in first]
    filled = [field for field in fields if field]
    numbers = [field for field in filled if NUMBER.fullmatch(field)]
    if filled == numbers:
        before = len(fields) - len(filled)
        pandas = before and filled and fields == [""] * before + [str(i) for i in range(len(filled))]
        return None if pandas else False
    return True if not numbers and any(map(is_name, filled)) else None


def table_of_csv(data, missing):
    """The rows of numbers of a text, by the csv module; None if they are none, and Skip where that module reads otherwise
    on purpose. `missing` stands for missing fields, if it is not None."""
    text = data.decode(errors="surrogateescape").removeprefix("\ufeff")  # a header may hold any bytes
    if re.search("\r(?!\n)|[ \t]\"|\"[ \t]|\0", text) or re.search(r"[\x0b\x0c\x1c-\x1f\x85\u2028\u2029]", text):
        return Skip
    try:
        lines = list(csv.reader(io.StringIO(text, newline=""), strict=True))
    except csv.Error:
        return None
    if '""' in text:
        return Skip

    def is_blank(line):
        return len(line) < 2 and not "".join(line).strip(" \t")

    while lines and is_blank(lines[0]):
        lines.pop(0)
    while lines and is_blank(lines[-1]):
        lines.pop()
    if not lines:
        return None
    # Between rows a blank line is a missing field where there is one column, and nothing where there are more.
    lines = [line or [""] for line in lines if len(lines[0]) == 1 or not is_blank(line)]
    header = has_header(lines[0])
    if header is None:
        return None
    body = lines[1:] if header else lines
    if not body or any(len(line) != len(lines[0]) for line in body):
        return None
    if any("\n" in field for line in body for field in line):
        return None
    body = [[field.strip(" \t") or missing for field in line] for line in body]
    if not all(field and NUMBER.fullmatch(field) for line in body for field in line):
        return None
    return [[float(field) for field in line] for line in body]


def random_csv(r):
    columns, count, end = r.randrange(1, 5), r.randrange(1, 6), r.choice(("\n", "\n", "\r\n"))
    lines = [[r.choice((number(r), number(r), f" {number(r)}", f"{number(r)}\t", f'"{number(r)}"', "nan", "-INF", ".5",
                        "+7.", "007", *[""] * r.randrange(2)))
              for _ in range(columns)] for _ in range(count)]
    head = r.random()
    if head < 0.3:
        lines.insert(0, [r.choice(("a", "unit 1", '"x,y"', '"a\nb"', "é")) for _ in range(columns)])
    elif head < 0.5:
        lines.insert(0, [r.choice(("a", "", "NA", "-", "1 000", "12%", "2", "\u22121", "\u00a0", "(3)", "'b'", "€", "nan"))
                         for _ in range(columns)])
    elif head < 0.55:
        lines.insert(0, ["", *map(str, range(columns - 1))])
    return (end.join(",".join(line) for line in lines) + r.choice(("", end, end + end))).encode()


@row
def csv_is_what_a_plain_reader_reads(s):
    words = (b'"', b",", b"\n", b"\r\n", b"nan", b"e", b"\xef\xbb\xbf", b"a,b\n", b"\xff", b"1e400", b"0x1", b"1_0",
             b"\xc2\xa0", b"\xa0", b"NA", b"-", b"\n\n", b"\n \n")
    for r in rounds(15, "csv"):
        good, expected = [], []
        missing = r.choice((None, "7"))
        options = ["--dtype", "float64", *(["--missing", missing] if missing else [])]
        for i in range(40):
            data = mutated(r, random_csv(r), words)
            name = f"{i}.csv"
            s.write(name, data)
            table = table_of_csv(data, missing)
            lines = [line.rstrip(b" \t\r\xa0") for line in data.split(b"\n") if line.strip()]
            # Where lines end with a delimiter, that is dropped with a note.
            if table is Skip or len(lines) > 1 and all(line.endswith(b",") for line in lines[:2]):
                continue
            if table is None:
                refused(s.run(name, *options), (1,), short(data))
            else:
                good.append(name)
                expected.append((data, table))
        outcome = s.run(*good, "--ndmin", "2", *options, "--slope", "1", "--to", "json")
        need(outcome.status == 0 and silent(outcome), "a table is refused:", outcome)
        for line, (data, table) in zip(outcome.stdout.decode().splitlines(), expected, strict=True):
            got = json.loads(line)
            need([list(map(bits, x)) for x in got] == [list(map(bits, x)) for x in table],
                 short(data), "is read as", short(line))


# ---------------------------------------------------------------- .npy

DTYPES = ("<f2", "<f4", "<f8", "|i1", "<i2", "<i4", "<i8", "|u1", "|b1", ">f2", ">f4", ">f8", ">i2", ">i4", ">i8")


def random_npy(r):
    dtype = np.dtype(r.choice(DTYPES))
    shape = tuple(r.choice((0, 1, 2, 3, 5)) for _ in range(r.randrange(5)))
    count = math.prod(shape)
    if dtype.kind == "b":
        array = np.frombuffer(bytes(r.randrange(2) for _ in range(count)), "|b1")
    else:
        array = np.frombuffer(r.randbytes(count * dtype.itemsize), dtype)
    array = array.reshape(shape)
    file = io.BytesIO()
    np.lib.format.write_array(file, np.asfortranarray(array) if r.random() < 0.4 else array,
                              version=r.choice((None, (1, 0), (2, 0), (3, 0))))
    return file.getvalue()


def array_of_npy(data):
    try:
        return np.load(io.BytesIO(data), allow_pickle=False)
    except Exception as error:  # pylint: disable=broad-except (numpy's parser lets many kinds through)
        return error


def same_arrays(a, b):
    return a.shape == b.shape and np.array_equal(np.isnan(a), np.isnan(b)) and np.where(np.isnan(a), 0, a).tobytes() == np.where(
        np.isnan(b), 0, b).tobytes()


@row
def npy_is_what_numpy_loads(s):
    if np is None:
        raise Skip("no numpy")
    words = (b"True", b"False", b"(2, 3)", b"(0,)", b"'<f4'", b"'|O'", b", ", b"}", b"{", b"L", b"99999999999",
             b"\x93NUMPY\x01\x00")
    options = ("--dtype", "float64", "--slope", "1", "--to", "npy")
    for r in rounds(15, "npy"):
        good, expected = [], []
        for i in range(40):
            data = random_npy(r)
            name = f"{i}.npy"
            if i % 2:
                good.append(name)
                expected.append(array_of_npy(data))
                s.write(name, data)
                continue
            # The head above all.
            data = mutated(r, data[:80], words) + data[80:] if r.random() < 0.7 else mutated(r, data, words)
            s.write(name, data)
            outcome = s.run(name, *options)
            if outcome.status:
                refused(outcome, (1,), short(data))
                continue
            array = array_of_npy(data)
            need(isinstance(array, np.ndarray), short(data), "is read, but by numpy it is not:", array)
            got = array_of_npy(outcome.stdout)
            need(same_arrays(got, array.astype("<f8")), short(data), "is read as", got, "and by numpy as", array)
        outcome = s.run(*good, *options)
        need(outcome.status == 0 and silent(outcome), "an array is refused:", outcome)
        file = io.BytesIO(outcome.stdout)
        for name, array in zip(good, expected):
            got = np.load(file, allow_pickle=False)
            with np.errstate(all="ignore"):
                need(same_arrays(got, array.astype("<f8")),
                     name, short((s.path / name).read_bytes()), "is read as", got)


# ---------------------------------------------------------------- command lines

VALUES = {
    "--from": ("auto", "json", "jsonl", "csv", "tsv", "npy"),
    "--dtype": ("float16", "bfloat16", "float32", "float64", "int8", "int64", "uint8"),
    "--pointer": ("", "/a", "/0", "/a/0", "/~1"), "--header": ("auto", "yes", "no"),
    "--delimiter": (",", ";", "tab", " ", "|"), "--decimal": (".", ","), "--missing": ("nan", "0", "1e400"),
    "--missing-words": ("NA", "nan,-1"), "--skip": ("0", "1", "9"), "--skip-after-header": ("0", "1"), "--comment": ("#", "-"),
    "--columns": ("1", "2,1", "a*", "1-"), "--keep": ("1", "2-", "a"),
    "--part": ("1/1", "1/2", "2/3", "3/2"), "--mode": ("relu", "leaky", "relu,leaky", "leaky_relu"),
    "--slope": ("0.01", "1", "-2", "0", "1e-400", "1e39"), "--threads": ("1", "2", "3", "1025"),
    "-o": ("out", "out.txt", "out.csv", "out.json", "out.npy"),
}
APPLY = {
    "--ndmin": ("0", "1", "2"), "--to": ("torch", "json", "jsonl", "csv", "tsv", "npy"), "--out-header": ("auto", "yes", "no"),
    "--nan": ("literal", "null", "string"), "--precision": ("0", "4", "30", "1000"), "--threshold": ("0", "5", "inf"),
    "--edgeitems": ("0", "1", "3"), "--linewidth": ("1", "20", "80"), "--sci-mode": ("auto", "on", "off"),
    "--profile": ("default", "short", "full"), "--out-delimiter": (";", "tab"), "--out-decimal": (".", ","),
    "--float-format": ("%.3f", "%g", "%d"), "--inplace": None, "--grad": None,
    "--echo": None,
}
COMPARE = {
    "--unit-axis": ("0", "1", "-1", "none", "7"), "--dead-below": ("0", "0.5", "1"), "--dormant-below": ("0", "0.5", "2"), "--per-unit": None,
    "--fail-if-dead": ("0", "0.1", "1"), "--fail-if-dormant": ("0", "0.5"), "--check": ("relu", "leaky"), "--fail-if-nan": None, "--partial": None,
    "--merge": None, "--to": ("table", "json", "jsonl", "csv", "tsv", "markdown"),
}


def random_input(r):
    kind = r.choice(("json", "json", "csv", "csv", "npy", "partial"))
    if kind == "json":
        data = random_json(r)
        if r.random() < 0.2:
            data = b'{"a": ' + data + b', "b": ["x\\u0041", true]}'
    elif kind == "csv":
        data = random_csv(r)
    elif kind == "npy" and np is not None:
        data = random_npy(r)
    else:
        kind, data = "json", b'{"schema":"rectify.compare/1","dead_below":0,"tensors":[]}'
    if r.random() < 0.7:
        data = mutated(r, data, (b",", b"[", b"]", b"\n", b"nan", b"\0", b"\xff", b'"', data[:9], b"\x1b[31m"))
    return r.choice((kind, kind, kind, "jsonl", "tsv", "txt")), data


def random_line(r, names):
    compares = r.random() < 0.35
    words = ["compare"] if compares else []
    table = {**VALUES, **(COMPARE if compares else APPLY)}
    for _ in range(r.choice((0, 1, 1, 2, 2, 3, 5))):
        option = r.choice(sorted(table))
        values = table[option]
        if values is None:
            words.append(option)
            continue
        value = r.choice(values)
        if option != "-o" and r.random() < 0.08:
            value = mutated(r, value.encode(), (b"e", b"-", b"nan", b"\xff", b"\n"))
            value = value.replace(b"\0", b"").decode("utf-8", "surrogateescape")
        words += [option, value] if option == "-o" or r.random() < 0.5 else [f"{option}={value}"]
    source = r.random()
    if source < 0.75:
        words += r.sample(names, r.choice((1, 1, 1, 2)))
    elif source < 0.8:
        words += ["--tensor", r.choice(("[1,-2]", "[[1],[2,3]]", "-3", "[NaN]", ""))]
    elif source < 0.85:
        words += ["--randn", r.choice(("4", "2,3", "()", "0", "-1", "20,20", "4294967296,4294967296")),
                  "--seed", r.choice(("0", "-1", "x"))]
    return words


def may_print(words, files):
    """Whether something good may have come out before an error: it streams, or tensors before the bad one were whole.
    """
    if any(word.startswith("--to") for word in words) and not re.search("--to[= ](torch|npy)", " ".join(words)):
        return True
    used = [name for name in words if name in files] or ["in"]
    if len(used) > 1:
        return True
    return not ("csv" in used[0] or "tsv" in used[0])


@row
def whatever_the_command_line_says_the_rules_hold(s):
    old = b"old\n"
    for r in rounds(25, "lines"):
        for entry in s.path.iterdir():
            entry.unlink()
        files = {}
        for i in range(3):
            extension, data = random_input(r)
            files[f"{i}.{extension}"] = data
            s.write(f"{i}.{extension}", data)
        files["in"] = random_input(r)[1]
        for _ in range(16):
            words = random_line(r, sorted(name for name in files if name != "in"))
            shown = (short(words), short(files, 2000))
            target = words[words.index("-o") + 1] if "-o" in words[:-1] else None
            if words.count("-o") > 1:
                continue
            if target and r.random() < 0.5:
                s.write(target, old)
            before = {entry.name: entry.read_bytes() for entry in s.path.iterdir()}
            outcome = s.run(*words, data=files["in"])
            after = {entry.name: entry.read_bytes() for entry in s.path.iterdir()}
            need(outcome.status in (0, 1, 2, 3), *shown, outcome)
            if words[:1] == ["compare"] and outcome.status in (1, 2) and not target:
                # The files that can be read are reported; each of the others has its line.
                need(re.fullmatch(rb"(rectify: [^\n]+\n)+", outcome.stderr) and after == before, *shown, outcome)
                continue
            if outcome.status in (1, 2):
                refused(outcome, (1, 2), *shown)
                need(after == before, *shown, "left behind:", sorted(after), "of", sorted(before))
                quiet = "compare" in words[:1] or target or not may_print(words, files)
                need(not (quiet and outcome.stdout), *shown, outcome)
                continue
            need(outcome.status == 3 or silent(outcome), *shown, outcome)
            need(outcome.status == 0 or re.fullmatch(rb"(rectify: [^\n]+\n)+", outcome.stderr), *shown, outcome)
            if not target:
                # A part may have no line of a JSON Lines file, and prints nothing then.
                # Nor has a tensor without elements as a table.
                may_be_empty = any("csv" in word or "tsv" in word for word in words)
                is_part = any(word.startswith("--part") for word in words)
                need(after == before and (outcome.stdout or is_part or may_be_empty), *shown, "no result:", outcome)
                continue
            need(not outcome.stdout and {**before, target: after.get(target)} == after,
                 *shown, "changed:", sorted(after), outcome)
            # The same bytes as on standard output, where the format does not come from the file's name.
            if any(word.startswith("--to") for word in words) or target == "out.txt":
                at = words.index("-o")
                again = s.run(*words[:at], *words[at + 2:], data=files["in"])
                need(again.stdout == after[target],
                     *shown, "to a file", short(after[target]), "to standard output", again)
            (s.path / target).unlink()


# ---------------------------------------------------------------- runner

def main():
    global SECONDS, SEED
    if not 2 <= len(sys.argv) <= 4:
        sys.exit(__doc__)
    harness.Scratch.binary = str(pathlib.Path(sys.argv[1]).resolve())
    if len(sys.argv) > 2:
        SECONDS = float(sys.argv[2])
        SEED = sys.argv[3] if len(sys.argv) > 3 else random.SystemRandom().randrange(10**9)
        print(f"seed {SEED}")
    return harness.run(Scratch)


if __name__ == "__main__":
    sys.exit(main())

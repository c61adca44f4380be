"""Tables as people have them: generated dialects, told to rectify and to pandas in the words of each. rectify reads the
numbers that pandas reads; CSV that it writes is known to the byte, kept columns and all, and the same call reads it
again. Dirty tables get hints, and whoever follows one gets past that error. The row for pandas is skipped where there is
none.
"""
import io
import random
import re
import shlex
import subprocess

import harness
from harness import Skip, need, npy, row

try:
    import pandas as pd
except ImportError:
    pd = None

Scratch = harness.Scratch
DIALECTS = 300
PLAIN = 400  # tables, of the kind that people have
SAME = ["--slope", "1"]  # leaky of slope 1 leaves every value as it is
MISSING_WORDS = ("NA", "null", "-", "n/a", "\\N", "-999", "None", "#N/A", "?")
MARK = b"\xef\xbb\xbf"


class Field:
    """A cell: what is in it, what it is worth, and how it stands in the file."""

    def __init__(self, text, value=None, quoted=False):
        self.text, self.value, self.quoted = text, value, quoted
        self.raw = '"' + text.replace('"', '""') + '"' if quoted else text


class Dialect:
    """A table of some dialect: its bytes, what rectify and pandas are told of it, and what rectify is to give."""

    def __init__(self, seed, height=None):
        self.chance = chance = random.Random(seed)
        delimiter = self.pick(",", ",", ";", "\t", "|", " ", ":", "blanks")
        self.blanks = delimiter == "blanks"
        self.delimiter = " " if self.blanks else delimiter
        self.padded = not self.blanks and self.delimiter != " "  # blanks around fields mean nothing
        self.decimal = "." if self.delimiter == "," else self.pick(".", ",")
        self.quoting = self.pick("none", "none", "some", "all", "header")
        self.has_header = self.is_so(0.7)
        self.width = self.pick(2, 3, 5) if self.blanks else self.pick(1, 2, 3, 4, 7, 20)
        few = self.pick(1, 2, 3, 10, 40)
        height = height or few
        self.preamble = [self.pick("", "made by hand", f"a{self.delimiter}b", "1,2,3", "# x", "  x")
                         for _ in range(self.pick(0, 0, 0, 1, 3))]
        self.comment = self.is_so(0.2)
        words = [word for word in MISSING_WORDS if not (self.comment and "#" in word)]
        self.words = chance.sample(words, self.pick(1, 3)) if self.is_so(0.3) else []
        self.missing = self.pick(None, "nan", "7") if self.words else self.pick(None, "nan", "0", "-1.5")
        self.trailing = self.padded and self.width > 1 and height > 1 and self.is_so(0.2)
        self.blank_lines = self.is_so(0.4)
        self.marked = self.is_so(0.2)
        self.end = self.pick("\n", "\n", "\r\n")
        self.ends = self.is_so(0.8)  # its last line, too
        self.names_delimiter = self.delimiter in ",;|" and self.is_so(0.1)  # sep=;

        # Whose the columns are: kept ones, the tensor's in their order, and those that are not taken.
        self.by_number = not self.has_header or self.is_so(0.3)
        places = chance.sample(range(self.width), self.width)
        kept = chance.randint(1, max(1, self.width // 2)) if self.width > 1 and self.is_so(0.5) else 0
        self.kept, self.taken = sorted(places[:kept]), places[kept:]
        self.chooses = self.is_so(0.3)
        if self.chooses:
            self.taken = self.taken[:chance.randint(1, len(self.taken))]
        else:
            self.taken.sort()

        units = self.pick(0, 0, 1, 2) if self.has_header else 0
        self.names = [self.name(i, units == 0) for i in range(self.width)] if self.has_header else []
        self.units = [[self.field(self.pick("s", "m/s", "[C]", f"a{self.delimiter}b")) for _ in self.names]
                      for _ in range(units)]
        self.table = [[self.word() if i in self.kept else self.number() for i in range(self.width)]
                      for _ in range(height)]
        # Two rows that end with an empty field end with a delimiter.
        if self.width - 1 not in self.kept and not self.table[0][-1].text:
            self.table[0][-1] = Field("1", 1.0)
        self.write()

    def pick(self, *some):
        return self.chance.choice(some)

    def is_so(self, probability):
        return self.chance.random() < probability

    # ---- fields

    def field(self, text, value=None, of_header=False):
        """In quotes where they are needed, or wanted; else with blanks around it, or without."""
        special = self.delimiter + '"\n' + (" \t" if self.blanks else "")
        needs = any(c in text for c in special) or (self.blanks and not text)
        if needs or self.quoting == "all" or (self.quoting == "header" and of_header) or (
                self.quoting == "some" and self.is_so(0.3)):
            return Field(text, value, quoted=True)
        field = Field(text, value)
        if self.padded and not of_header and self.is_so(0.15):
            field.raw = self.pick(" {}", "  {}").format(text)
        return field

    def name(self, i, is_last_line):
        some = [f"c{i}", f"unit {i}", f"t (s) {i}", f"Größe{i}", f"a.{i}", f"x{self.delimiter}{i}", f'"q"{i}', f"n,{i}"]
        # Lines that are not for pandas are counted behind it.
        return self.field(self.pick(*some, *[f"two\nlines{i}"] * is_last_line), of_header=True)

    def number(self):
        words = self.words + ([""] if self.missing and not self.blanks and self.width > 1 else [])
        if words and self.is_so(0.15):
            return self.field(self.pick(*words), float(self.missing or "nan"))
        way = self.chance.randrange(10)
        if way < 3:
            text = str(self.chance.randrange(-998, 1000))
        elif way < 6:
            text = f"{self.chance.gauss(0, 10):.{self.chance.randrange(1, 17)}f}"
        elif way < 7:
            text = repr(self.chance.gauss(0, 1) * 10.0 ** self.chance.randrange(-30, 30))
        elif way < 8:
            text = self.pick("+1.5", ".5", "-.25", "7.", "1E3", "1e-05", "0", "-0.0", "007")
        elif way < 9 or self.missing not in (None, "nan"):
            text = str(self.chance.randrange(10 ** self.chance.randrange(1, 18)))
        else:
            text = self.pick("nan", "inf", "-inf", "NaN", "Infinity")
        return self.field(text.replace(".", self.decimal), float(text))

    def word(self):
        text = self.pick("2020-01-02", "10:00:00", "setosa", "", "1.50", "NA", "é, è", "it's", 'a "b" c', "-999", "1,5",
                         f"a{self.delimiter}b", "x  y", "no. 5" if self.comment else "#5", "007")
        return self.field(text)

    # ---- the file

    def line(self, fields):
        raw = [field.raw for field in fields]
        if self.blanks:
            return self.pick("", "", "  ") + self.pick(" ", "  ", "\t", " \t ").join(raw) + self.pick("", "", " ")
        return self.delimiter.join(raw) + self.delimiter * self.trailing

    def write(self):
        lines = []
        skipped = []  # numbers of lines that are not for pandas

        def between(blank_lines=True):
            if self.blank_lines and blank_lines and self.is_so(0.4):
                lines.extend(self.pick("", "", "  " if self.padded else "") for _ in range(self.pick(1, 2)))
            if self.comment and self.is_so(0.3):
                lines.append(self.pick("# a comment", "#a,b", "#"))

        if self.names_delimiter:
            skipped.append(0)
            lines.append("sep=" + self.delimiter)
        for text in self.preamble:
            skipped.append(len(lines))
            lines.append(text)
        between()
        if self.has_header:
            lines.append(self.line(self.names))
        for fields in self.units:
            skipped.append(len(lines))
            lines.append(self.line(fields))
        for i, fields in enumerate(self.table):
            # In a table of one column a blank line below the first row, or below the header, is a missing field.
            between(self.width > 1 or (i == 0 and not self.has_header))
            lines.append(self.line(fields))
        between()
        self.skipped = skipped
        if len(lines) == 1 and not self.ends:
            self.end = "\n"  # what ends lines is not to be seen
        self.data = MARK * self.marked + (self.end.join(lines) + self.end * self.ends).encode()

    # ---- what is told

    def columns(self, places):
        if self.by_number:
            return ",".join(str(i + 1) for i in places)
        texts = (self.names[i].text for i in places)
        return ",".join('"' + text.replace('"', '""') + '"' if "," in text or '"' in text else text for text in texts)

    def options(self):
        """By name, so that one can be left out."""
        options = {"--header": "yes" if self.has_header else "no"}
        if self.delimiter not in ",\t" and not self.names_delimiter:
            options["--delimiter"] = "blanks" if self.blanks else self.delimiter
        if self.decimal != ".":
            options["--decimal"] = self.decimal
        if self.preamble:
            options["--skip"] = str(len(self.preamble) + self.names_delimiter)
        if self.units:
            options["--skip-after-header"] = str(len(self.units))
        if self.words:
            options["--missing-words"] = ",".join(self.words)
        if self.missing:
            options["--missing"] = self.missing
        if self.comment:
            options["--comment"] = "#"
        if self.kept:
            options["--keep"] = self.columns(self.kept)
        if self.chooses:
            options["--columns"] = self.columns(self.taken)
        return options

    def call(self, *without):
        options = self.options()
        for name in without:
            options.pop(name, None)
        return ["--ndmin", "2", "--dtype", "float64", *SAME, *(word for pair in options.items() for word in pair)]

    def file(self):
        return "e.tsv" if self.delimiter == "\t" else "e.csv"

    # ---- what is given

    def values(self):
        return [fields[i].value for fields in self.table for i in self.taken]

    def array(self):
        return npy((len(self.table), len(self.taken)), self.values(), "<f8")

    def written(self):
        """What --to csv gives: the same table, but for blank lines, comments and the spelling of numbers."""
        def line(tensor, kept):
            fields = []
            for i in sorted(self.kept + self.taken):
                fields.append(kept.pop(0) if i in self.kept else tensor.pop(0))
            return self.delimiter.join(fields)

        def head(fields):
            # A line behind the header has quotes where they are needed, a name where it had them.
            texts = [field.raw if fields is self.names or any(c in field.text for c in self.delimiter + '"')
                     else field.text for field in fields]
            return line([texts[i] for i in self.taken], [texts[i] for i in self.kept])

        lines = ["sep=" + self.delimiter] * self.names_delimiter + self.preamble
        if self.has_header:
            lines += [head(fields) for fields in [self.names, *self.units]]
        for fields in self.table:
            lines.append(line([repr(fields[i].value).replace(".", self.decimal) for i in self.taken],
                              [fields[i].raw for i in self.kept]))
        return (self.end.join(lines) + self.end).encode()

    def in_pandas(self):
        """The fields as pandas reads them, which Python makes numbers: pandas rounds them otherwise."""
        frame = pd.read_csv(
            io.BytesIO(self.data), sep=r"\s+" if self.blanks else self.delimiter,
            header=0 if self.has_header else None, names=[str(i) for i in range(self.width)], index_col=False,
            usecols=list(range(self.width)), skiprows=self.skipped, skipinitialspace=self.delimiter != " ",
            encoding="utf-8-sig", na_values=["", *self.words], keep_default_na=False, dtype=str,
            comment="#" if self.comment else None)
        fields = frame.iloc[:, self.taken].to_numpy()
        values = [float(self.missing or "nan") if pd.isna(text) else float(text.replace(self.decimal, "."))
                  for text in fields.flat]
        return npy(fields.shape, values, "<f8")


def dialects():
    for seed in range(DIALECTS):
        yield seed, Dialect(seed)


def same(seed, dialect, call, got, wanted):
    need(got == wanted, f"dialect {seed}, {call}:", repr(dialect.data.decode()), "gives", got, "instead of", repr(wanted))


@row
def what_pandas_reads_is_what_is_read(s):
    if pd is None:
        raise Skip("no pandas")
    for seed, dialect in dialects():
        s.write(dialect.file(), dialect.data)
        wanted = dialect.in_pandas()
        same(seed, dialect, "the generator", dialect.array(), wanted)
        call = [dialect.file(), *dialect.call(), "--to", "npy"]
        same(seed, dialect, call, s.result(*call, notes=True), wanted)


@row
def csv_is_written_in_its_dialect_with_the_bytes_of_kept_columns(s):
    for seed, dialect in dialects():
        name, wanted = dialect.file(), dialect.written()
        kind = name[2:]
        s.write(name, dialect.data)
        call = dialect.call()
        same(seed, dialect, call, s.result(name, *call, "--to", kind, notes=True), wanted)
        piped = ["--from", kind, *call, "--to", kind, "--threads", "2"]
        same(seed, dialect, piped, s.result(*piped, data=dialect.data, notes=True), wanted)
        parts = b"".join(s.result(name, *call, "--to", kind, "--part", f"{k}/3", notes=True) for k in (1, 2, 3))
        same(seed, dialect, [*call, "--part"], parts, wanted)


@row
def kept_fields_that_have_the_new_delimiter_in_them_are_quoted(s):
    rows = [("a;b", 1.5), ('"a;b"', -2.0), ("x", 3.0), (";" * 300, 4.0), (' "p;q"', 5.0), ("", 6.0), ("y" * 300, 7.0)] * 40
    s.write("a.csv", b"t,x\n" + b"".join(f"{text},{value}\n".encode() for text, value in rows))
    wanted = "t;x\n" + "".join(('"' + text + '"' if ";" in text and '"' not in text else text) + f";{value}\n"
                               for text, value in rows)
    for more in ([], ["--float-format", "%.1f"]):
        s.run("a.csv", "--keep", "t", "--out-delimiter", ";", "--to", "csv", *SAME, *more).gives(wanted.encode())
    twice = s.result("a.csv", "--keep", "t", "--out-delimiter", ";", "--to", "csv", "--mode", "relu,relu6").decode()
    need(len(twice.splitlines()) == len(rows) + 1 and twice.splitlines()[1] == '"a;b";1.5;1.5', twice[:200])


@row
def many_rows_are_taken_apart_as_few_are(s):
    for seed in (5, 20, 32, 33, 55, 78):
        dialect = Dialect(seed, height=9000)
        name, wanted = dialect.file(), dialect.written()
        s.write(name, dialect.data)
        for more in (["--threads", "1"], ["--threads", "3"], ["--threads", "2", "--part", "1/1"]):
            for target in ("baseline", "avx512"):
                call = [name, *dialect.call(), "--to", name[2:], *more]
                got = s.result(*call, notes=True, env={**harness.ENVIRONMENT, "RECTIFY_TARGET": target})
                first = next((i for i, (a, b) in enumerate(zip(got.split(b"\n"), wanted.split(b"\n"))) if a != b), None)
                need(got == wanted, f"dialect {seed}, {call} on {target}: line {first} of what is written")


@row
def text_that_is_changed_where_it_stands_is_what_values_would_be(s):
    # In place it is the values that are operated on, and not the text of a table where it stands.
    chance = random.Random(14)
    words = ("x", "", "2026-11-27 12:00", " blank ", "# c", "\u00fc", "1.50", "-0", "+3", "y" * 70, "z" * 300)
    odd = ('"quoted"', '"a,b"', "c\rd", '"', "NA", "1e5", " 2.5", "-0.0", "nan", "0.10")
    for round_ in range(150):
        width = chance.choice((2, 3, 5, 10, 70))
        kept = sorted(chance.sample(range(width), chance.choice((0, 1, 1, 2)) if width > 2 else 1))
        others = [i for i in range(width) if i not in kept]
        oddness = chance.choice((0, 0, 1e-4, 1e-2))
        lines = [",".join(f"c{i}" for i in range(width))]
        for _ in range(chance.choice((1, 3, 40, 3000 // width))):
            fields = [chance.choice(words[:-1]) if i in kept else f"{chance.gauss(0, 10):.{chance.choice((2, 4, 5))}f}"
                      for i in range(width)]
            if chance.random() < oddness * width:
                fields[chance.randrange(width)] = chance.choice(odd + words[-1:])
            lines.append(",".join(fields))
            if chance.random() < oddness:
                lines.append(chance.choice(("", "# a comment", " ")))
        s.write("a.csv", ("\n".join(lines) + chance.choice(("\n", ""))).encode())
        call = ["a.csv", "--to", "csv", "--header", "yes", "--mode", chance.choice(("relu", "leaky", "leaky(-2)"))]
        if kept:
            call += ["--keep", ",".join(f"c{i}" for i in chance.sample(kept, len(kept)))]
        if not kept or chance.random() < 0.4:
            chosen = chance.sample(others, chance.randint(1, len(others)))
            call += ["--columns", ",".join(f"c{i}" for i in (sorted(chosen) if chance.random() < 0.7 else chosen))]
        call += chance.choice(([], ["--comment", "#"], ["--missing", "7"]))
        call += ["--threads", chance.choice("12")]
        one, other = s.run(*call), s.run(*call, "--inplace")
        need((one.status, one.stdout, one.stderr) == (other.status, other.stdout, other.stderr),
             f"table {round_}, {call}: {one} and in place {other}")


@row
def json_that_is_changed_where_it_stands_is_what_values_would_be(s):
    chance = random.Random(16)
    odd = ("1", "-0", "0.10", "NaN", "null", "Infinity", "1e5", "-1e400", "12345678901234567890", "1.", "x", " 2.5", "3.5 ",
           "[1.0]", "0.0001")
    for round_ in range(100):
        kind = chance.choice(("json", "jsonl"))
        width = chance.choice((1, 2, 3, 8, 100))
        oddness = chance.choice((0, 0, 1e-5, 1e-3))
        rows = []
        for _ in range(chance.choice((1, 2, 50, 20000 // width))):
            fields = width + (chance.choice((-1, 1)) if chance.random() < oddness / 10 else 0)
            rows.append(", ".join(chance.choice(odd) if chance.random() < oddness else f"{chance.gauss(0, 10):.4f}"
                                  for _ in range(fields)))
            if chance.random() < oddness / 5:
                rows[-1] += chance.choice(("],[", "],\n[", "]\n[", "], [ ")) + rows[-1]
        if kind == "json":
            text = "[[" + "], [".join(rows) + "]]" + chance.choice(("\n", "", " \n[[1.0, 2.0]]\n", " [[", "x"))
        else:
            text = "[" + "]\n[".join(rows) + "]" + chance.choice(("\n", ""))
        s.write("a", text.encode())
        call = ["a", "--from", kind, "--to", kind, "--mode", chance.choice(("relu", "leaky", "leaky(-2)", "leaky(1e300)")),
                "--dtype", chance.choice(("float32", "float64")), "--threads", chance.choice("12")]
        one, other = s.run(*call), s.run(*call, "--inplace")
        need((one.status, one.stderr) == (other.status, other.stderr) and (one.status or one.stdout == other.stdout),
             f"text {round_}, {call}: {one.stderr} and in place {other.stderr}")


@row
def a_table_is_written_over_itself_again_and_again(s):
    for seed, dialect in dialects():
        name, call = dialect.file(), dialect.call()
        s.write(name, dialect.data)
        # Columns that are taken by number have other numbers then.
        for _ in range(1 if dialect.chooses and dialect.by_number else 2):
            s.result(name, *call, "-o", name, notes=True)
            same(seed, dialect, call, s.read(name), dialect.written())


@row
def an_option_that_is_forgotten_loses_and_invents_no_row(s):
    for seed, dialect in dialects():
        s.write(dialect.file(), dialect.data)
        for option in ("--header", "--skip-after-header", "--missing-words", "--missing", "--comment"):
            if option not in dialect.options() or (option == "--missing" and dialect.words):
                continue
            if option == "--missing-words" and "-999" in dialect.words:
                continue  # a number to anyone who is not told
            call = [dialect.file(), *dialect.call(option), "--to", "npy"]
            got = s.run(*call)
            if got.status == 0:
                same(seed, dialect, call, got.stdout, dialect.array())
            else:
                got.refuses(status=(1, 2))  # 2: --columns has a column that the comment has not


@row
def skipped_text_is_not_written_again_without_end(s):
    line, count = b"#" * 99 + b"\n", 700000  # 70 MB
    blocks = [line * 1000] * (count // 1000) + [b"a,b\n1,2\n"]
    call = ["--from", "csv", "--skip", str(count), "--to", "csv", *SAME]
    s.run(*call, data=iter(blocks)).refuses("more than 64 MiB of skipped text.*--out-header no")
    s.run(*call, "--out-header", "no", data=iter(blocks)).gives(b"1.0,2.0\n")


# ---------------------------------------------------------------- hints

DIRT = ("NA", "", "null", "-", "#N/A", "1 000", "1,234.5", "1.234,5", "1'000", "1_000", "12%", "$5", "2020-01-02", "10:00", "abc",
        "a b", '"1,5"', '"x"', "1,5", "(1.50)", "<0.01", "\u22125", "1\u00a0000", "0x10", "1e", "1.2.3", "#", "# x", "TRUE", "?",
        "1;2", "1|2", "1\t2", "1  2", " ", "--", "1.#IND", "'5", "5 m", "\\N", "it's", "1\r", "\r1", "\ufeff1", "inf", "n.a.", "**")


def dirty_table(seed):
    """A small table that is wrong in some places, and what is said of it."""
    chance = random.Random(seed)
    delimiter = chance.choice(",,,;\t| ")
    width = chance.choice((1, 2, 2, 3, 4))
    rows = [[f"{chance.randrange(-50, 50)}{chance.choice(('', '.5', ',5' if delimiter != ',' else ''))}"
             for _ in range(width)] for _ in range(chance.randrange(1, 5))]
    if chance.random() < 0.6:
        rows.insert(0, [chance.choice(("x", "unit", "t (s)", "a b", "col")) + str(i) for i in range(width)])
    for _ in range(chance.choice((0, 1, 1, 2, 3))):
        fields = chance.choice(rows)
        fields[chance.randrange(len(fields))] = chance.choice(DIRT)
    if chance.random() < 0.3:  # a column of them
        at, dirt = chance.randrange(width), chance.choice(DIRT)
        for fields in rows[1:]:
            fields[at] = dirt
    lines = [delimiter.join(fields) for fields in rows]
    way = chance.randrange(12)
    if way == 0:
        lines.insert(min(1, len(lines)), delimiter.join("kg" for _ in range(width)))
    elif way == 1:
        lines.insert(chance.randrange(len(lines) + 1), chance.choice(("# made by hand", "% 1,2", "//", "! x y", "#1,2")))
    elif way == 2:
        lines = [line + delimiter for line in lines]
    elif way == 3:
        at = chance.randrange(len(lines))
        lines[at] += delimiter + chance.choice(("", "1", "x"))
    elif way == 4:
        lines = [line.replace(delimiter, "  ") for line in lines]
    elif way == 5:
        lines[1:] = [f"r{i}{delimiter}{line}" for i, line in enumerate(lines[1:])]
    elif way == 6:
        lines.insert(chance.randrange(len(lines) + 1), "")
    end = chance.choice(("\n", "\n", "\n", "\r\n", "\r", "\r\r\n"))
    options = chance.choice(([], [], [], ["--missing", "nan"], ["--header", "yes"], ["--header", "no"], ["--keep", "1"],
                             ["--decimal", ","], ["--delimiter", ";"], ["--delimiter", "blanks"],
                             ["--missing-words", "NA"], ["--comment", "#"], ["--skip-after-header", "1"], ["--dtype", "int32"],
                             ["--columns", "2"]))
    return (end.join(lines) + end).encode(), options


def followed(hint, data, options):
    """The table and the options of whoever does what a hint says; None if it names nothing to do."""
    ask = hint.find("--header yes takes ")
    hint = "--header yes" if ask == 0 else hint[:ask].rstrip("; ") if ask > 0 else hint
    told = re.findall(r"--([a-z-]+) ('[^']*'|[^ ;)]+)", hint)
    filter_ = re.search(r"((?:tr|sed) .*?)(?: takes them out| takes it out| makes it a line break|$)", hint)
    if filter_:
        return subprocess.run(["sh", "-c", filter_[1]], input=data, capture_output=True, check=True).stdout, options
    if not told or "absent" in hint:
        return None
    more = []
    for name, value in told:
        need(f"--{name}" not in options or name == "header", "a hint names what is given:", hint, options)
        value = shlex.split(value)[0]
        more += [f"--{name}", value if name in ("decimal", "delimiter") else value.rstrip(",")]
    return data, options + more


@row
def whoever_follows_a_hint_gets_past_that_error(s):
    kinds = set()
    for seed in range(1500):
        data, options = dirty_table(seed)
        call = ["--from", "csv", "--mode", "relu"]
        before = s.run(*call, *options, data=data)
        found = re.match(r"rectify: <stdin>:(\d+):\d+: (.*) \((.*)\)\n\Z", before.stderr.decode(), re.DOTALL)
        if before.status == 0 or found is None or " (" in found[3]:
            continue  # nothing is wrong, or there is no hint (a field may have a parenthesis in it)
        then = followed(found[3], data, options)
        if then is None:
            continue
        kinds.update(re.findall(r"--[a-z-]+|\btr|\bsed", found[3]))
        after = s.run(*call, *then[1], data=then[0])
        line = re.match(r"rectify: <stdin>:(\d+):", after.stderr.decode())
        asked = found[3].startswith("--header yes takes ")
        need(after.status == 0 or line is None or int(line[1]) > int(found[1]) or (asked and before.stderr != after.stderr),
             f"table {seed}:", repr(data.decode()), options, before, then, after)
    wanted = {"--comment", "--decimal", "--delimiter", "--header", "--keep", "--missing", "--missing-words",
              "--skip-after-header", "tr", "sed"}
    need(wanted <= kinds, "no hint names", wanted - kinds)


class Plain:
    """An ordinary table, what somebody says of it who does not know hint from option, and the numbers that are in it."""

    LABELS = ("x", "setosa", "A1", "#1", "a/b", "é", "img_01", "in use", "b,c", "p;q")
    TIMES = ("10:0{}", "2020-01-0{}", "2020-01-0{} 10:30:00", "0{}.02.2020", "2/0{}/2020", "2020-01-0{}T10:00:00Z")
    NAMES = ("a", "temp", "time", "t s", "col_1", "v.1")

    def __init__(self, seed):
        self.chance = chance = random.Random(seed)
        self.delimiter = chance.choice((",", ",", ";", ";", "\t", "|", " ", "blanks"))
        self.is_blank = self.delimiter in (" ", "blanks")
        self.decimal = "." if self.delimiter == "," else chance.choice(".,")
        has_header = chance.random() < 0.7
        kinds = ["number"] * chance.choice((2, 2, 3, 4))
        for _ in range(chance.choice((0, 1, 1, 2))):
            kinds[chance.randrange(len(kinds))] = chance.choice(("time", "label"))
        if "number" not in kinds:
            kinds[-1] = "number"
        words = chance.choice(((), (), (chance.choice(MISSING_WORDS[:5]),), ("",), ("NA", "null")))
        self.words = [word for word in words if word or not (self.is_blank or self.delimiter == "\t")]
        times = [chance.choice(self.TIMES) for _ in kinds]
        rows, self.values = [], []
        for row_ in range(chance.choice((1, 2, 3, 5))):
            cells = [self.number(has_header or row_ != 0) if kind == "number" else
                     (self.text(times[i].format(row_ + 1) if kind == "time" else chance.choice(self.LABELS)), None)
                     for i, kind in enumerate(kinds)]
            rows.append([text for text, _ in cells])
            self.values += [value for _, value in cells if value is not None]
        self.shape = (len(rows), kinds.count("number"))
        if has_header:
            names = [chance.choice(self.NAMES) + str(i) for i in range(len(kinds))]
            rows.insert(0, [name.replace(" ", "") if self.is_blank else name for name in names])
            if chance.random() < 0.2:
                rows.insert(1, [chance.choice(("s", "m", "[C]", "kg")) for _ in kinds])
        quotes = chance.random() < 0.15
        if quotes:
            rows = [[text if text.startswith('"') else f'"{text}"' for text in fields] for fields in rows]
        way = chance.randrange(10)
        lines = [self.line(fields) + (self.delimiter if way == 0 and not self.is_blank else "") for fields in rows]
        if way == 1 and has_header and not quotes:
            lines[:0] = chance.choice((["Report"], ["Logger report", "Station: 5"], ["title", ""]))
        elif way == 2 and not any(line.lstrip('"').startswith("#") for line in lines):
            lines.insert(chance.randrange(len(lines) + 1), "# made by hand")
        end = chance.choice(("\n", "\n", "\r\n", "\r"))
        self.data = (end.join(lines) + end).encode()
        self.options = chance.choice(([], [], [], ["--missing", "nan"], ["--header", "yes" if has_header else "no"],
                                      ["--delimiter", self.delimiter]))

    def number(self, may_be_missing):
        if self.words and may_be_missing and self.chance.random() < 0.25:
            return self.chance.choice(self.words), float("nan")
        text = str(self.chance.randrange(-99, 1000))
        if self.chance.random() < 0.6:
            text = f"{self.chance.gauss(0, 30):.{self.chance.choice((1, 2, 3))}f}"
        return text.replace(".", self.decimal), float(text)

    def text(self, text):
        if self.is_blank:
            return text.replace(" ", "")
        return f'"{text}"' if self.delimiter in text else text

    def line(self, fields):
        between = self.chance.choice((" ", "  ")) if self.delimiter == "blanks" else self.delimiter
        return between.join(fields)


@row
def whoever_follows_hints_to_the_end_has_the_true_numbers(s):
    ends = {"numbers": 0, "an error": 0}
    for seed in range(PLAIN):
        table = Plain(seed)
        data, options, said = table.data, table.options, []
        call = ["--from", "csv", "--mode", "leaky", *SAME, "--ndmin", "2", "--dtype", "float64", "--to", "npy"]
        for _ in range(8):
            got = s.run(*call, *options, data=data)
            said.append(got.stderr.decode())
            if got.status == 0:
                need(got.stdout == npy(table.shape, table.values, "<f8"), f"table {seed}:", repr(table.data.decode()),
                     table.options, *said, "gives other numbers with", options)
                break
            found = re.search(r" \((.*)\)\n\Z", said[-1], re.DOTALL)
            # Whether the first row is names, the user has to know.
            asks = found is None or " (" in found[1] or found[1].startswith("--header yes takes ")
            then = None if asks else followed(found[1], data, options)
            if then is None or then == (data, options):
                break
            data, options = then
        ends["numbers" if got.status == 0 else "an error"] += 1
    need(ends["numbers"] > PLAIN // 2, ends)

"""Inputs of many blocks, value by value: megabytes of numbers in all spellings against Python's float(), random doubles
against its repr(), and arrays of many shapes against numpy; from a file and from a pipe, on one thread and on several.
What divides an input into blocks, tiles or vectors is caught here, whatever the size it divides by. Rows that need numpy
are skipped without it.
"""
import io
import json
import math
import random
import struct

import harness
from harness import Skip, need, npy, patience, row, short

try:
    import numpy as np
except ImportError:
    np = None

SECONDS = patience(60)
SAME = ["--slope", "1"]  # leaky of slope 1 leaves every value as it is


class Scratch(harness.Scratch):
    def results(self, name, data, *arguments):
        """Standard output of the call on a file of these bytes and on a pipe, on one thread and on several."""
        self.write(name, data)
        for threads in ("1", "2", "4"):
            for given in ([name], ["-", "--from", name.split(".")[1]]):
                call = [*given, *arguments, "--threads", threads]
                yield call, self.result(*call, data=data if given[0] == "-" else None, seconds=SECONDS,
                                        notes=True)  # of integers that are not exact


def same(call, got, wanted, width):
    """Compares two results as pieces of `width` bytes, or as lines."""
    if got == wanted:
        return
    pieces = [[data[i:i + width] for i in range(0, len(data), width)] if width else data.split(b"\n")
              for data in (got, wanted)]
    first = next((i for i, (a, b) in enumerate(zip(*pieces)) if a != b), min(map(len, pieces)))
    need(False, *call, f"{len(pieces[0])} pieces, {len(pieces[1])} expected; number {first} is",
         *(short(some[first]) if first < len(some) else "missing" for some in pieces))


# ---------------------------------------------------------------- text in

def spelling(chance):
    """A number as JSON and CSV have it, of any length up to 40 characters."""
    way = chance.randrange(10)
    sign = chance.choice(("", "-"))
    if way < 3:
        return f"{sign}{chance.randrange(10 ** chance.randrange(1, 19))}"
    if way < 6:
        text = f"{sign}{chance.randrange(10 ** chance.randrange(1, 6))}.{chance.randrange(10 ** 17):017d}"
        return text[:chance.randrange(4, 24)].rstrip(".")
    if way < 7:
        exponent = f"{chance.choice('eE')}{chance.choice(('', '+', '-'))}{chance.randrange(320)}"
        return f"{sign}{chance.randrange(10)}.{chance.randrange(10 ** 16):016d}{exponent}"
    if way < 8:
        return f"{sign}0.{'0' * chance.randrange(8)}{chance.randrange(10 ** chance.randrange(1, 22))}"
    return repr(chance.choice((struct.unpack("<d", chance.randbytes(8))[0], chance.gauss(0, 1), 0.0, -0.0, 5e-324)))


def spellings(count, seed):
    chance = random.Random(seed)
    texts = (spelling(chance) for _ in iter(int, 1))
    return [next(text for text in texts if math.isfinite(float(text))) for _ in range(count)]


def float32(x):
    try:
        return struct.pack("<f", x)
    except OverflowError:
        return struct.pack("<f", math.copysign(math.inf, x))


TEXTS = spellings(180000, 0)  # 3 MB
COLUMNS = 6
SHAPE = (len(TEXTS) // COLUMNS, COLUMNS)
ROWS = [TEXTS[i:i + COLUMNS] for i in range(0, len(TEXTS), COLUMNS)]


def read(s, name, data, shape, number=float):
    """Reads a text of TEXTS, whose values number() gives."""
    values = [float(number(text)) for text in TEXTS]
    for dtype, wanted in (("float32", npy(shape, b"".join(map(float32, values)))),
                          ("float64", npy(shape, values, "<f8"))):
        for call, got in s.results(name, data, *SAME, "--dtype", dtype, "--to", "npy"):
            same(call, got, wanted, int(dtype[5:]) // 8)


@row
def csv_is_what_float_reads(s):
    lines = [",".join(texts) for texts in ROWS]
    for end, last in (("\n", "\n"), ("\r\n", "\r\n"), ("\n", "")):
        read(s, "a.csv", (end.join(lines) + last).encode(), SHAPE)


@row
def quoted_and_padded_csv_is_what_float_reads(s):
    chance = random.Random(1)
    dresses = ("{}", '"{}"', "  {}", "{} ", " +{}")
    data = "".join(",".join(chance.choice(dresses).format(text).replace("+-", "-") for text in texts) + "\n"
                   for texts in ROWS)
    read(s, "a.csv", ("a,b,c,d,e,f\n" + data).encode(), SHAPE)


@row
def json_is_what_python_reads(s):
    for between, line in ((",", ",\n"), (", ", ", ")):
        data = "[" + line.join("[" + between.join(texts) + "]" for texts in ROWS) + "]\n"
        read(s, "a.json", data.encode(), SHAPE, json.loads)  # the integer -0 is 0
    read(s, "b.json", ("[" + ",".join(TEXTS) + "]").encode(), f"({len(TEXTS)},)", json.loads)


# ---------------------------------------------------------------- text out

@row
def doubles_are_written_as_repr_has_them(s):
    chance = random.Random(2)
    values = [struct.unpack("<d", chance.randbytes(8))[0] for _ in range(60000)]
    values += [float(f"{chance.choice('+-')}{chance.randrange(10 ** chance.randrange(1, 18))}e{chance.randrange(-30, 25)}")
               for _ in range(60000)]
    data = npy((len(values) // 4, 4), values, "<f8")
    lines = [values[i:i + 4] for i in range(0, len(values), 4)]
    csv = "".join(",".join(map(repr, line)) + "\n" for line in lines).encode()
    for call, got in s.results("a.npy", data, *SAME, "--to", "csv"):
        same(call, got, csv, 0)
    for call, got in s.results("a.npy", data, *SAME, "--to", "jsonl"):
        same(call, got, "".join(json.dumps(line) + "\n" for line in lines).encode(), 0)


# ---------------------------------------------------------------- arrays

SHAPES = ((1,), (17,), (300001,), (1, 5), (5, 1), (31, 33), (64, 64), (65, 63), (70, 131), (257, 129), (3, 1000),
          (1000, 3), (2, 37, 41), (9, 1, 70), (4, 5, 6, 7), (600, 1001))


@row
def arrays_are_what_numpy_holds(s):
    if np is None:
        raise Skip("no numpy")
    source = np.random.default_rng(0)
    for shape in SHAPES:
        for kind in ("f4", "f8", "f2", "i2", "i8", "u1"):
            if kind[0] == "f":
                values = wanted = source.normal(0, 40, shape).astype(kind)
                arguments = SAME
            else:
                values = source.integers(0 if kind == "u1" else -99, 99, shape).astype(kind)
                wanted, arguments = np.maximum(values, 0), ["--mode", "relu"]
            for order in "CF":
                for byte_order in "<>":
                    # Old versions of numpy align the header to 16 bytes.
                    descr = byte_order + kind if kind != "u1" else "|u1"
                    data = npy(shape, values.astype(descr).tobytes(order), descr, order == "F", 16)
                    s.write("a.npy", data)
                    for threads in ("1", "3"):
                        for given in (["a.npy"], ["-"]):
                            call = [*given, *arguments, "--to", "npy", "--threads", threads]
                            stdout = s.result(*call, data=data if given == ["-"] else None, seconds=SECONDS)
                            got = np.load(io.BytesIO(stdout))
                            need(got.dtype == wanted.dtype and got.shape == wanted.shape, *call, got.dtype, got.shape)
                            need(np.array_equal(got, wanted), *call, shape, byte_order + kind, order, "not what numpy holds")

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
from harness import Skip, need, npy, packed, patience, row, short

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


@row
def wide_unsigned_integers_are_kept_by_relu_and_converted_as_numpy_does(s):
    if np is None:
        raise Skip("no numpy")
    source = np.random.default_rng(1)
    for kind in ("u2", "u4", "u8"):
        most = np.iinfo(kind).max
        values = source.integers(0, most, (300, 7), kind, True)
        values[:2] = [[0, 1, most, most - 1, most // 2 + 1, 255, 256]] * 2
        for descr in ("<" + kind, ">" + kind):
            for order in "CF":
                s.write("a.npy", npy(values.shape, values.astype(descr).tobytes(order), descr, order == "F", 16))
                got = np.load(io.BytesIO(s.result("a.npy", "--mode", "relu", "--to", "npy")))
                need(got.dtype == np.dtype(kind) and np.array_equal(got, values), descr, order, "relu changes them")
                text = s.result("a.npy", "--mode", "relu", "--to", "csv")
                need(text == "".join(",".join(map(str, line)) + "\n" for line in values.tolist()).encode(), descr, "csv")
                for dtype in ("float64", "float32"):
                    wide = s.run("a.npy", "--dtype", dtype, *SAME, "--to", "npy")
                    got = np.load(io.BytesIO(wide.stdout))
                    wanted = values.astype(dtype)
                    need(got.dtype == wanted.dtype and np.array_equal(got, wanted), descr, dtype)
                    inexact = sum(int(a) != int(b) for a, b in zip(wanted.ravel().tolist(), values.ravel().tolist()))
                    note = b"note: a.npy: %d integers are not exact in %s" % (inexact, dtype.encode())
                    need((note in wide.stderr) == (inexact != 0), descr, dtype, inexact, wide.stderr)
                    need((b"--dtype float64 keeps them" in wide.stderr) == (kind == "u4" and dtype == "float32"), wide.stderr)
    s.write("a.npy", npy((3,), packed([1, 65535, 7], "<u2"), "<u2"))
    s.run("a.npy", "--mode", "relu").gives(b"tensor([    1, 65535,     7], dtype=torch.uint16)\n")
    s.run("a.npy").refuses("not implemented for 'UInt16' .--mode relu keeps integers, --dtype float32")
    s.run("a.npy", "--dtype", "int16", "--mode", "relu").refuses("a.npy: 65535 cannot be converted to int16 without overflow")
    s.run("a.npy", "--mode", "relu6").refuses("not implemented for 'UInt16'")
    s.run("a.npy", "--dtype", "int32", "--mode", "relu", "--to", "json").gives(b"[1, 65535, 7]\n")
    report = json.loads(s.result("compare", "a.npy", "--mode", "relu", "--to", "json"))["tensors"][0]
    need(report["dtype"] == "uint16" and report["activations"][0]["max"] == 65535, report)
    s.write("b.npy", npy((2,), packed([1 << 63, 1], "<u8"), "<u8"))
    s.run("compare", "b.npy", "--mode", "relu").refuses("uint64 cannot be compared .--dtype float64")
    s.run("compare", "b.npy").refuses("uint64 cannot be compared .--dtype float64")
    s.write("truth.npy", npy((2,), b"\0\1", "|b1"))
    s.run("compare", "truth.npy").refuses("Boolean inputs not supported for relu .--dtype float32 reads")
    s.run("compare", "truth.npy", "--dtype", "float32").succeeds()
    s.run("b.npy", "--mode", "relu", "--to", "json").gives(b"[9223372036854775808, 1]\n")
    s.run("b.npy", "--dtype", "int64", "--mode", "relu").refuses("9223372036854775808 cannot be converted to int64")
    # Notes tell the first, of a signed one, too, and no print leaves some out.
    s.write("c.npy", npy((5000,), packed([1 << 24] * 4998 + [-16777217, 1], "<i8"), "<i8"))
    s.run("c.npy", "--dtype", "float32").says("c.npy: 1 integer is not exact in float32: -16777217 .--dtype float64", 0)
    s.run("c.npy", "--dtype", "float16").says("c.npy: 4999 integers are not exact in float16, the first 16777216", 0)


@row
def bfloat16_of_jax_is_read_where_it_is_asked_for(s):
    data = npy((2, 2), b"\x80\x3f\x80\xbf\x00\x40\x00\xc0", "<V2")
    s.write("a.npy", data)
    for given in ("a.npy", "-"):
        piped = data if given == "-" else None
        s.run(given, "--dtype", "bfloat16", "--mode", "relu", data=piped).gives(
            b"tensor([[1., 0.],\n        [2., 0.]], dtype=torch.bfloat16)\n")
        s.run(given, data=piped).refuses("dtype '<V2' is two bytes of no type .--dtype bfloat16 reads them")
    s.run("a.npy", "--dtype", "float32").refuses("--dtype bfloat16")
    s.write("a.npy", npy((1,), b"\0", "<V1"))
    s.run("a.npy", "--dtype", "bfloat16").refuses("dtype '<V1' is not supported")

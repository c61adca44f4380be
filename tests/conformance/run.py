#!/usr/bin/python3
"""Conformance: run.py BINARY [SHARED_DIR]

Runs every record of the manifests beside this file, of chosen.json (what rectify does where its contract is silent;
README.md says why) and, where SHARED_DIR has them, of the public suites: JSONTestSuite, csv-spectrum, numpy,
json-patch and the number texts. SHARED_DIR is `../shared/conformance` beside the project's folder unless given.
README.md beside this file defines the classes. The exit status is 1 when something failed.
"""
import concurrent.futures
import ctypes
import json
import math
import pathlib
import re
import struct
import sys

sys.dont_write_bytecode = True  # in the tree
HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))
from harness import Fault, Scratch, short  # noqa: E402 (beside this folder)

PROJECT = HERE.parent.parent
FOLDERS = ("json", "csv", "npy", "pointer")


# ---------------------------------------------------------------- .npy, as numpy.save writes it

CODES = {"float16": "e", "float32": "f", "float64": "d",
         "int8": "b", "int16": "h", "int32": "i", "int64": "q", "uint8": "B"}
HEADER = re.compile(rb"\{'descr': '([<|])([fiu]\d)', 'fortran_order': False, "
                    rb"'shape': \(((?:\d+, )*(?:\d+,?)?)\), \} *\n")


def full_name(descr):
    """float32 for f4, and so on."""
    return {"f": "float", "i": "int", "u": "uint"}[descr[0]] + str(8 * int(descr[1:]))


def read_npy(data):
    """(dtype, shape, values, raw bytes of the values) of the one array that `data` is."""
    if data[:8] != b"\x93NUMPY\x01\x00" or len(data) < 10:
        raise Fault(f"no .npy of version 1: {short(data[:40])}")
    begin = 10 + struct.unpack("<H", data[8:10])[0]
    match = HEADER.fullmatch(data[10:begin])
    if not match or begin % 64:
        raise Fault(f"not the header numpy writes: {short(data[10:begin])}")
    order, descr, sizes = match[1], match[2].decode(), match[3].decode()
    dtype = full_name(descr)
    if dtype not in CODES or (order == b"|") != (descr[1:] == "1"):
        raise Fault(f"dtype {match[1] + match[2]}")
    shape = [int(size) for size in sizes.split(",") if size.strip()]
    raw = data[begin:]
    count = math.prod(shape)
    if len(raw) != count * int(descr[1:]):
        raise Fault(f"{len(raw)} bytes of data for shape {shape} of {dtype}")
    return dtype, shape, list(struct.unpack(f"<{count}{CODES[dtype]}", raw)), raw


def same(a, b):
    """The same float64, the sign of zero included; any NaN is any NaN."""
    return (a != a and b != b) or (a == b and math.copysign(1, a) == math.copysign(1, b))


def check_values(got, wanted):
    if len(got) != len(wanted):
        raise Fault(f"{len(wanted)} values expected, got {len(got)}")
    for at, (a, b) in enumerate(zip(got, wanted)):
        if not same(float(a), float(b)):
            raise Fault(f"value {at}: expected {b!r}, got {a!r}")


def flat(value):
    """Shape and values of nested lists."""
    if not isinstance(value, list):
        return [], [value]
    parts = [flat(item) for item in value]
    if any(shape != parts[0][0] for shape, _ in parts):
        raise Fault(f"ragged output {short(value)}")
    return [len(value), *(parts[0][0] if parts else [])], [v for _, values in parts for v in values]


# ---------------------------------------------------------------- the classes

def sources(record):
    """Ways to hand over the input: (name in messages, arguments, standard input)."""
    from_stdin = ("<stdin>", ["--from", record["from"]], record["data"])
    return [from_stdin] if "text" in record else [(record["file"], [record["file"]], None), from_stdin]


def check_tensor(record):
    arguments = [*record.get("args", []), "--to", "npy"]
    arguments += ["--mode", "relu"] if record.get("relu") else ["--slope", "1"]
    if not record.get("keep_dtype"):
        arguments += ["--dtype", "float64"]
    outputs = [Scratch(record["folder"]).result(*arguments, *source, data=data, notes=True) for _, source, data in sources(record)]
    if len(set(outputs)) > 1:
        raise Fault(f"file and standard input differ: {short(outputs[0])} and {short(outputs[1])}")
    dtype, shape, values, _ = read_npy(outputs[0])
    wanted = full_name(record["dtype"]) if record.get("keep_dtype") else "float64"
    if dtype != wanted:
        raise Fault(f"dtype {wanted} expected, got {dtype}")
    if shape != record["shape"]:
        raise Fault(f"shape {record['shape']} expected, got {shape}")
    check_values(values, record["values"])


def check_tensors(record):
    arguments = [*record.get("args", []), "--slope", "1", "--dtype", "float64", "--to", "jsonl"]
    for name, source, data in sources(record):
        lines = Scratch(record["folder"]).result(*arguments, *source, data=data, notes=True).decode().splitlines()
        if len(lines) != len(record["tensors"]):
            raise Fault(f"{name}: {len(record['tensors'])} lines expected, got {short(lines)}")
        for line, wanted in zip(lines, record["tensors"]):
            value = json.loads(line)
            if "name" in wanted:
                if not isinstance(value, dict) or list(value) != [wanted["name"]]:
                    raise Fault(f"{name}: {wanted['name']!r} expected, got {short(line)}")
                value = value[wanted["name"]]
            shape, values = flat(value)
            if shape != wanted["shape"]:
                raise Fault(f"{name}: shape {wanted['shape']} expected, got {line}")
            check_values(values, wanted["values"])


def check_message(outcome, name, needs_place, pattern):
    """One clean line that begins with the program's and the source's name."""
    text = outcome.need_one_clean_line()
    place = r":[1-9]\d*:[1-9]\d*" if needs_place else r"(:[1-9]\d*:[1-9]\d*)?"
    if not re.match(rf"rectify: {re.escape(name)}{place}: \S", text):
        raise Fault(f"expected 'rectify: {name}{':LINE:COLUMN' if needs_place else ''}: …', got {short(text)}")
    if not re.search(pattern, text):
        raise Fault(f"expected /{pattern}/ in {short(text)}")


def has_place(record):
    """A fault inside a text has a line and a column; that the whole is no text, or empty, has none."""
    data = record["data"].removeprefix(b"\xef\xbb\xbf")
    if record["from"] == "npy" or not data.strip(b" \t\r\n") or record.get("message") in ("UTF-16", "no tensor"):
        return False
    return not data.startswith((b"\x1f\x8b", b"\x89PNG", b"\x7fELF", b"\xff\xfe", b"\xfe\xff"))


def check_error(record):
    for (name, source, data), output in zip(sources(record), (["--to", "torch"], ["--to", "jsonl"])):
        outcome = Scratch(record["folder"]).run(*record.get("args", []), *output, *source, data=data)
        outcome.refuses(quiet=not record.get("streams"))
        # Of a pointer that leads nowhere there is no place to show.
        needs_place = has_place(record) and not any(a.startswith("--pointer") for a in record.get("args", []))
        check_message(outcome, name, needs_place, record.get("message", ""))


def check_either(record):
    arguments = [*record.get("args", []), "--slope", "1", "--to", "npy"]
    for _, source, data in sources(record):
        outcome = Scratch(record["folder"]).run(*arguments, *source, data=data)
        if outcome.status == 0 and not record.get("refuse"):
            read_npy(outcome.stdout)
        else:
            outcome.refuses(status=(1, 2))


def check_deep(record):
    """More dimensions than NumPy has: printed, written as JSON, refused as .npy."""
    s = Scratch(record["folder"])
    depth = record["depth"]
    number = record["data"].decode().strip("[] \n")
    expected = {"torch": f"tensor({'[' * depth}{number}.{']' * depth})\n",
                "json": f"{'[' * depth}{number}.0{']' * depth}\n"}
    for _, source, data in sources(record):
        for form, wanted in expected.items():
            got = s.result(*source, "--slope", "1", "--to", form, data=data, notes=True)
            if got != wanted.encode():
                raise Fault(f"--to {form}: expected {short(wanted)}, got {short(got)}")
        s.run(*source, "--to", "npy", data=data).refuses(status=(1, 2))


CHECKS = {"tensor": check_tensor, "tensors": check_tensors, "error": check_error, "either": check_either,
          "deep": check_deep}


# ---------------------------------------------------------------- numbers

JSON_NUMBER = re.compile(r"-?(0|[1-9]\d*)(\.\d+)?([eE][-+]?\d+)?")


def narrow(value, dtype):
    """The bits of a double in `dtype`, by PyTorch's way: the 16-bit types from the float32."""
    if dtype == "float64":
        return struct.unpack("<Q", struct.pack("<d", value))[0]
    single = ctypes.c_float(value).value
    bits = struct.unpack("<I", struct.pack("<f", single))[0]
    if dtype == "float32":
        return bits
    if dtype == "bfloat16":
        return (bits + 0x7FFF + (bits >> 16 & 1)) >> 16
    try:
        return struct.unpack("<H", struct.pack("<e", single))[0]
    except OverflowError:
        return 0x7C00 | bits >> 16 & 0x8000


def widen(bits, dtype):
    if dtype == "float64":
        return struct.unpack("<d", struct.pack("<Q", bits))[0]
    if dtype == "float16":
        return struct.unpack("<e", struct.pack("<H", bits))[0]
    return struct.unpack("<f", struct.pack("<I", bits << 16 if dtype == "bfloat16" else bits))[0]


def digits(text):
    """How many significant digits a number's text has."""
    return len(re.sub(r"e.*|[-.]", "", text).strip("0"))


def check_text(text, bits, dtype):
    """The text of a value is the shortest that reads back by way of a double, in NumPy's notation."""
    value = widen(bits, dtype)
    if narrow(float(text), dtype) != bits:
        raise Fault(f"{dtype} {bits:x}: {text} reads back as {narrow(float(text), dtype):x}")
    if math.isinf(value) or value == 0:
        return
    enough = next(n for n in range(1, 18) if narrow(float(f"{value:.{n - 1}e}"), dtype) == bits)
    if digits(text) > enough:
        raise Fault(f"{dtype} {bits:x}: {text} has more than {enough} digits")
    if dtype == "float64" and text != repr(value):
        raise Fault(f"{text} is not {value!r}")
    scientific = abs(value) >= 1e16 or abs(value) < 1e-4
    if not re.fullmatch(r"-?\d(\.\d+)?e[-+]\d\d+" if scientific else r"-?\d+\.\d+", text):
        raise Fault(f"{dtype}: {text} is not how NumPy writes it")


def check_numbers(s, name, texts, form, dtype):
    """All texts in one call: the bits read, and the text written for them."""
    data = f"[{', '.join(text for text, _ in texts)}]" if form == "json" else "".join(text + "\n" for text, _ in texts)
    arguments = ["--from", form, "--dtype", dtype, "--slope", "1"]
    wanted = [narrow(widen(double, "float64"), dtype) for _, double in texts]
    if dtype != "bfloat16":
        _, shape, _, raw = read_npy(s.result(*arguments, "--to", "npy", data=data.encode(), notes=True))
        if shape != [len(texts)]:
            raise Fault(f"{name}: shape {shape}")
        size = len(raw) // len(texts)
        got = struct.unpack(f"<{len(texts)}{ {2: 'H', 4: 'I', 8: 'Q'}[size]}", raw)
        for (text, _), a, b in zip(texts, got, wanted):
            if a != b:
                raise Fault(f"{dtype} of {text}: expected {b:x}, got {a:x}")
    output = s.result(*arguments, "--to", form, data=data.encode(), notes=True).decode()
    written = output.strip("[]\n").split(", ") if form == "json" else output.splitlines()
    if len(written) != len(texts):
        raise Fault(f"{len(texts)} numbers expected, got {len(written)}")
    for (_, _), text, bits in zip(texts, written, wanted):
        check_text(text, bits, dtype)


# ---------------------------------------------------------------- gathering

def records_of(folder, keep):
    """The records of FOLDER's manifest whose file passes `keep`, with the bytes of each file."""
    records = json.loads((folder / "manifest.json").read_text())
    return [{**r, "folder": folder, "data": (folder / r["file"]).read_bytes()} for r in records if keep(r["file"])]


def chosen(shared, skip):
    """chosen.json, made into records like the manifests'."""
    records = []
    for record in json.loads((HERE / "chosen.json").read_text()):
        if "text" in record:
            records.append({**record, "folder": HERE, "data": record["text"].encode()})
            continue
        folders = [place / record["folder"] for place in (HERE, shared)]
        found = [folder for folder in folders if (folder / record["file"]).exists()]
        if found:
            records.append({**record, "folder": found[0], "data": (found[0] / record["file"]).read_bytes()})
        else:
            skip(f"{record['folder']}/{record['file']}")
    return records


def jobs(shared, skip):
    """Every check as (title, function)."""
    choices = chosen(shared, skip)
    decided = {(r["folder"].name, r["file"], tuple(r.get("args", []))) for r in choices if "file" in r}
    records = []
    for name in FOLDERS:
        records += records_of(HERE / name, lambda file: True)
        if (shared / name / "manifest.json").exists():
            in_tree = {r["file"] for r in json.loads((HERE / name / "manifest.json").read_text())}
            records += records_of(shared / name, lambda file, own=in_tree: file not in own)
        else:
            skip(f"{name}/")
    records = [r for r in records if (r["folder"].name, r["file"], tuple(r.get("args", []))) not in decided]
    for record in choices + records:
        name = record.get("file") or short(record["text"], 30)
        title = " ".join([f"{record['folder'].name}/{name}", *record.get("args", []), f"({record['class']})"])
        yield title, lambda record=record: CHECKS[record["class"]](record)

    lists = sorted((shared / "numbers").glob("*.txt"))
    if not lists:
        skip("numbers/")
    lines = [line.split() for file in lists for line in file.read_text().splitlines()]
    texts = [(line[3], int(line[2], 16)) for line in lines]
    for form in ("csv", "json") if texts else ():
        some = texts if form == "csv" else [t for t in texts if JSON_NUMBER.fullmatch(t[0])]
        for dtype in ("float64", "float32", "float16", "bfloat16"):
            yield (f"numbers: {len(some)} as {form}, {dtype}",
                   lambda form=form, dtype=dtype, some=some: check_numbers(Scratch(HERE), "numbers", some, form, dtype))


def main():
    if not 2 <= len(sys.argv) <= 3:
        sys.exit(__doc__)
    Scratch.binary = str(pathlib.Path(sys.argv[1]).resolve())
    shared = pathlib.Path(sys.argv[2]) if len(sys.argv) == 3 else PROJECT.parent / "shared" / "conformance"
    skipped = []

    skip = skipped.append

    def outcome(job):
        title, check = job
        try:
            check()
            return None
        except (Fault, ValueError) as fault:
            return f"FAILED {title}: {fault}"

    work = list(jobs(shared, skip))
    if skipped:
        names = f": {', '.join(skipped)}" if shared.exists() else ""
        print(f"skipped: {len(skipped)} files and folders of the public suites, which are not here{names}")
    failed = 0
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        for fault in pool.map(outcome, work):
            if fault:
                failed += 1
                print(fault, flush=True)
    print(f"{len(work) - failed} passed, {failed} failed, {len(skipped)} skipped")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())

"""Much work for one process, and many processes at once: streams of a hundred thousand small tensors, and two thousand
calls, eight at a time, that read and write the same folder. What they must give is computed here, in float32 by struct.
Memory must be as small late in a stream as early, and no temporary file may be left.
"""
import concurrent.futures
import functools
import pathlib
import random
import re
import struct
import subprocess
import threading

from harness import ENVIRONMENT, need, npy, patience, row, short

SECONDS = patience(120)

# One arena of malloc for all threads. With several it is chance which thread frees what, and arenas go on growing although
# nothing is lost.
ONE_HEAP = {**ENVIRONMENT, "MALLOC_ARENA_MAX": "1"}


# ---------------------------------------------------------------- what must come out

def float32(x):
    return struct.unpack("<f", struct.pack("<f", x))[0]


def text_of(x):
    """The fewest digits that give the float32 back, as Python writes them."""
    for digits in range(1, 18):
        text = f"{x:.{digits}g}"
        if float32(float(text)) == x:
            return repr(float(text))
    raise ValueError(x)


SLOPE = float32(0.01)


class Value:
    """A number, and what becomes of it. float32 times float32 is exact in double, so it is rounded once."""

    def __init__(self, chance):
        self.x = float32(chance.choice((1, -1)) * 10 ** chance.uniform(-1, 6))
        self.text = text_of(self.x)
        self.leaky = self.text if self.x > 0 else text_of(float32(self.x * SLOPE))
        self.relu = self.text if self.x > 0 else "0.0"


VALUES = [Value(random.Random(seed)) for seed in range(5000)]


def nested(shape, texts):
    """A list of lists as Python's json writes it; `texts` is an iterator."""
    if not shape:
        return next(texts)
    return "[" + ", ".join(nested(shape[1:], texts) for _ in range(shape[0])) + "]"


def lines(count, seed):
    """JSON Lines of tensors of 0, 1 and 2 dimensions, and what leaky makes of them."""
    chance = random.Random(seed)
    given, wanted = [], []
    for _ in range(count):
        shape = chance.choice(((), (1,), (3,), (8,), (2, 3), (4, 1)))
        values = chance.choices(VALUES, k=shape[0] * shape[-1] if len(shape) == 2 else sum(shape) or 1)
        given.append(nested(shape, iter([value.text for value in values])))
        wanted.append(nested(shape, iter([value.leaky for value in values])))
    return "".join(line + "\n" for line in given).encode(), "".join(line + "\n" for line in wanted).encode()


# ---------------------------------------------------------------- streams

def resident(process):
    """The memory a process has at the moment, in KiB."""
    status = pathlib.Path(f"/proc/{process.pid}/status").read_text()
    return int(re.search(r"VmRSS:\s+(\d+)", status)[1])


def stream(s, arguments, block, gives, times):
    """Feeds `block` so many times and compares what comes with `gives` as often. The memory is read five times from the
    middle on: what is lost a tensor makes it grow in most of the four stretches, what a thread needs that starts late in
    one. `times` is a multiple of eight."""
    process = s.start(arguments, seconds=SECONDS, env=ONE_HEAP, stdin=subprocess.PIPE)
    wrong = []

    def read():
        for turn in range(times):
            got = process.stdout.read(len(gives))
            if got != gives:
                wrong.append(f"block {turn}: {short(got)}")
                break
        while process.stdout.read(1 << 16):
            wrong.append("more than was expected")

    reader = threading.Thread(target=read)
    reader.start()
    try:
        memory = []
        for turn in range(1, times + 1):
            process.stdin.write(block)
            process.stdin.flush()
            if turn >= times // 2 and turn % (times // 8) == 0:
                memory.append(resident(process))
        process.stdin.close()
    except BrokenPipeError:
        pass
    reader.join()
    message = process.stderr.read()
    status = process.wait()
    for pipe in (process.stdout, process.stderr):
        pipe.close()
    need(status == 0 and not message and not wrong, arguments, f"exit {status}, stderr {short(message)}", *wrong)
    if not s.sanitized_by("asan", "tsan", "lsan", "msan"):  # which keep what is freed
        growth = sorted(late - early for early, late in zip(memory, memory[1:]))[1]
        need(growth < 500 and memory[-1] < 2 * memory[0], arguments, f"take {memory} KiB as time goes by")


@row
def hundreds_of_thousands_of_small_tensors_go_through_one_pipe(s):
    block, gives = lines(5000, seed=1)
    for threads in ("1", "2", "4"):
        stream(s, ["-", "--from", "jsonl", "--to", "jsonl", "--threads", threads], block, gives, times=160)


@row
def a_million_lines_go_through_one_pipe(s):
    block, gives = lines(20000, seed=2)
    stream(s, ["-", "--from", "jsonl", "--to", "jsonl", "--threads", "2"], block, gives, times=56)


@row
def a_hundred_thousand_npy_arrays_go_through_one_pipe(s):
    chance = random.Random(3)
    block, gives = b"", b""
    for _ in range(2000):
        values = chance.choices(VALUES, k=chance.randrange(1, 9))
        block += npy((len(values),), [value.x for value in values])
        gives += nested((len(values),), iter([value.leaky for value in values])).encode() + b"\n"
    stream(s, ["-", "--from", "npy", "--to", "json", "--threads", "2"], block, gives, times=56)


@row
def a_million_rows_go_through_one_pipe(s):
    chance = random.Random(4)
    given, wanted = [], []
    for _ in range(20000):
        values = chance.choices(VALUES, k=4)
        given.append(",".join(value.text for value in values))
        wanted.append(",".join(value.leaky for value in values))
    block, gives = ("".join(line + "\n" for line in some).encode() for some in (given, wanted))
    stream(s, ["-", "--from", "csv", "--to", "csv", "--threads", "2"], block, gives, times=104)


# ---------------------------------------------------------------- many at once

MODES = ("relu", "leaky")
FORMATS = ("csv", "tsv", "json", "jsonl", "npy")


class Tables:
    """Inputs that all calls read, and what they are to give."""

    def __init__(self, s):
        self.tables = {}
        for number in range(20):
            chance = random.Random(number)
            columns, count = chance.randrange(2, 6), chance.randrange(2, 400)
            table = [chance.choices(VALUES, k=columns) for _ in range(count)]
            name = f"t{number}"
            self.tables[name] = table
            texts = [[value.text for value in line] for line in table]
            csv = "".join(",".join(line) + "\n" for line in texts)
            s.write(f"{name}.csv", csv.encode())
            s.write(f"{name}.bad", (csv + "1," * (columns - 1) + "x\n").encode())
            s.write(f"{name}.tsv", "".join("\t".join(line) + "\n" for line in texts).encode())
            s.write(f"{name}.json", nested((count, columns), iter(sum(texts, []))).encode())
            s.write(f"{name}.npy", npy((count, columns), [value.x for line in table for value in line]))

    @functools.lru_cache(None)
    def wanted(self, name, mode, to):
        table = [[getattr(value, mode) for value in line] for line in self.tables[name]]
        if to in ("csv", "tsv"):
            return "".join(("," if to == "csv" else "\t").join(line) + "\n" for line in table).encode()
        if to == "jsonl":
            return "".join("[" + ", ".join(line) + "]\n" for line in table).encode()
        if to == "json":
            return (nested((len(table), len(table[0])), iter(sum(table, []))) + "\n").encode()
        return npy((len(table), len(table[0])), [float32(float(text)) for line in table for text in line])


def one_call(s, inputs, number):
    """A call chosen by its number. What went wrong, or nothing."""
    chance = random.Random(number)
    name, mode, to = f"t{chance.randrange(20)}", chance.choice(MODES), chance.choice(FORMATS)
    form = chance.choice(("csv", "tsv", "json", "npy"))
    wanted = inputs.wanted(name, mode, "json" if form == "json" and to == "jsonl" else to)
    arguments = [f"{name}.{form}", "--mode", mode, "--to", to, "--threads", str(chance.randrange(1, 9))]
    way = chance.randrange(10)
    if way == 0:
        outcome = s.run(f"{name}.bad", "--from", "csv", "--to", "csv", "-o", f"shared.{name}", seconds=SECONDS)
        place = f"rectify: {name}.bad:{len(inputs.tables[name]) + 1}:".encode()
        return "" if outcome.status == 1 and outcome.stderr.startswith(place) and not outcome.stdout else repr(outcome)
    if way <= 3:  # what stands there is one of the whole results: several write it
        outcome = s.run(*arguments, "-o", f"shared.{name}", seconds=SECONDS)
        found = s.read(f"shared.{name}")
        whole = [inputs.wanted(name, some, kind) for some in MODES for kind in FORMATS]
        return "" if outcome.status == 0 and not outcome.stderr and found in whole else f"{outcome} {short(found)}"
    if way <= 5:
        outcome = s.run(*arguments, "-o", f"own.{number}", seconds=SECONDS)
        right = outcome.status == 0 and s.read(f"own.{number}") == wanted
        (s.path / f"own.{number}").unlink(missing_ok=True)
        return "" if right and not outcome.stderr and not outcome.stdout else f"{arguments} {outcome}"
    outcome = s.run(*arguments, seconds=SECONDS)
    return "" if outcome.status == 0 and outcome.stdout == wanted and not outcome.stderr else f"{arguments} {outcome}"


@row
def two_thousand_calls_in_parallel_give_the_right_bytes(s):
    inputs = Tables(s)
    for name in inputs.tables:
        s.write(f"shared.{name}", inputs.wanted(name, "relu", "csv"))
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        wrong = [why for why in pool.map(lambda number: one_call(s, inputs, number), range(2000)) if why]
    need(not wrong, f"{len(wrong)} calls, the first:", *wrong[:1])
    known = re.compile(r"t\d+\.(csv|tsv|json|npy|bad)|shared\.t\d+")
    left = [name for name in s.names() if not known.fullmatch(name)]
    need(not left, f"left {left}")

#!/usr/bin/python3
"""What users wait for, beside what they would use instead: run.py BINARY [--numbers N] [--rounds N] [--filter TEXT] [--json FILE]

Start-up, files from format to format, many small files, pipes, a full print, randn and compare, beside what this machine has of
true, cat, cp, mawk, perl, sed, mlr, jq, node, NumPy and PyTorch doing the same. Each is run once to warm up, where its peak memory
is taken and its answer is compared with rectify's (one that differs is named and has no time), then in rounds, one after the
other; times are medians. What takes more than 1.5 seconds to warm up is not run again. `times` is its wall time by rectify's in
the same round, the figure to quote: it depends least on the machine; behind it are the least and the most of the rounds (of a
hundred and more, of nine tenths of them). Start-up alone is measured without a shell or a pipe, some hundred times. Python's
times include its imports, as its users' do. Inputs are rectify's own --randn in a temporary folder. Nothing is asserted.

At the end stands a table for people, in Markdown; --plot FILE.svg draws it by gnuplot. --scaling adds files of 30, 300 and
3000 MB, on one thread and on two.
"""
import argparse
import datetime
import hashlib
import json as json_module
import math
import os
import pathlib
import platform
import random
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

MOST_TEXT = 500_000_000  # bytes; only rectify is tried with more, and its answers are the same to the byte
PATIENCE = 1.5  # seconds of a warm-up beyond which there are no rounds
TOLERANCE = 2e-5  # of an answer, relative: most peers write six digits
RESULTS = []  # what --json FILE gets
SUMMARY = []  # the lines of the table for people: what is done, and by whom
GNU_TIME = shutil.which("time")
BINARY = ""


# ---------------------------------------------------------------- measuring

class Run:
    """How long a call took, and what of the processors."""

    def __init__(self, arguments, folder, stdout):
        with open(folder / stdout if stdout else os.devnull, "wb") as file:
            begin = time.perf_counter()
            process = subprocess.Popen(arguments, cwd=folder, stdin=subprocess.DEVNULL, stdout=file,
                                       stderr=subprocess.PIPE)
            message = process.stderr.read()
            _, status, usage = os.wait4(process.pid, 0)
            self.wall = time.perf_counter() - begin
        process.returncode = os.waitstatus_to_exitcode(status)
        process.stderr.close()
        if process.returncode:
            sys.exit(f"run.py: {' '.join(map(str, arguments))[:200]}: exit {process.returncode}: {message.decode()[:500]}")
        self.cpu = usage.ru_utime + usage.ru_stime
        self.peak_kib = usage.ru_maxrss


def spawned(arguments):
    """Seconds from the start of a short program to its end."""
    quiet = [(os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0)]
    begin = time.perf_counter()
    process = os.posix_spawn(arguments[0], arguments, os.environ, file_actions=quiet)
    _, status, usage = os.wait4(process, 0)
    wall = time.perf_counter() - begin
    if status:
        sys.exit(f"run.py: {' '.join(arguments)[:200]}: status {status}")
    return wall, usage.ru_utime + usage.ru_stime


class Spawned:
    """A Run of a short program."""

    def __init__(self, arguments):
        self.wall, self.cpu = spawned(arguments)


class Contestant:
    """A call to measure. `new`: the file it writes, which is removed before each run."""

    def __init__(self, name, arguments, stdout=None, new=None, answers=True):
        self.name, self.arguments, self.stdout, self.new = name, arguments, stdout, new
        self.answers = answers  # whether it does the work, and does not only move the bytes
        self.runs, self.peak, self.wrong, self.times = [], "", "", 0.0

    def answer(self, folder):
        """The numbers that it has written, or a digest of more text than a list of them has memory for; None if it writes none
        to a file."""
        file = self.new or self.stdout
        if not file or not self.answers:
            return None
        data = (folder / file).read_bytes()
        if data.startswith(b"\x93NUMPY"):
            return data[128:]
        if len(data) > MOST_TEXT:
            return hashlib.sha256(data).digest()
        return [float(number) for number in re.findall(rb"(?<![\w.])[-+]?(?:\d+\.?\d*|\.\d+)(?:e[-+]?\d+)?", data)]

    def run(self, folder, prefix=()):
        if self.new:
            (folder / self.new).unlink(missing_ok=True)
        return Run([*prefix, *self.arguments], folder, self.stdout)

    def warm_up(self, folder):
        if GNU_TIME:
            run = self.run(folder, [GNU_TIME, "-f", "%M", "-o", "peak"])
            self.peak = f"{int((folder / 'peak').read_text().split()[-1]) / 1024:.1f}"
        else:
            run = self.run(folder)  # Linux counts what the forking process held, too
            self.peak = f"<{run.peak_kib / 1024:.0f}"
        if run.wall > PATIENCE:
            self.runs.append(run)

    @property
    def done(self):
        return self.wrong or (len(self.runs) == 1 and self.runs[0].wall > PATIENCE)

    def wall(self):
        return statistics.median(run.wall for run in self.runs)

    def cpu(self):
        return statistics.median(run.cpu for run in self.runs)


def seconds(value):
    return f"{1000 * value:.1f} ms" if value < 1 else f"{value:.2f} s"


def race(title, contestants, folder, rounds, amount=0, unit="", short="", spawn=False):  # pylint: disable=too-many-arguments,too-many-locals,too-many-positional-arguments
    """Runs them, rectify first, and prints a line for each; `amount` units are dealt with in a run. `short`: what the table
    for people calls it, if it has it."""
    expected = None
    for contestant in contestants:
        contestant.warm_up(folder)
        answer = contestant.answer(folder)
        if expected is None:
            expected = answer
        elif answer is not None and not same(expected, answer):
            contestant.wrong = "another answer"
    order = random.Random(0)
    for _ in range(rounds):  # nobody always runs behind the same other, in whose caches
        for contestant in order.sample(contestants, len(contestants)):
            if not contestant.done:
                contestant.runs.append(Spawned(contestant.arguments) if spawn else contestant.run(folder))
    print(f"\n{title}")
    ours = contestants[0]
    for contestant in contestants:
        if contestant.wrong:
            print(f"  {contestant.name:<47} {contestant.wrong}")
            continue
        rate = f"{amount / contestant.wall() / 1e6:10.4g} {unit}" if amount else ""
        ratios = sorted(theirs.wall / mine.wall for theirs, mine in zip(contestant.runs, ours.runs))
        times = statistics.median(ratios)
        if len(ratios) >= 100:  # some are always disturbed: the middle nine tenths
            ratios = ratios[len(ratios) // 20:-(len(ratios) // 20)]
        print(f"  {contestant.name:<47} {seconds(contestant.wall()):>10} {seconds(contestant.cpu()):>10} CPU "
              f"{contestant.peak:>8} MiB {times:9.2f} times ({ratios[0]:.2f} to {ratios[-1]:.2f}) {rate}", flush=True)
        RESULTS.append({"race": title, "name": contestant.name, "times": times, "wall": contestant.wall(),
                        "cpu": contestant.cpu(), "peak": contestant.peak})
        contestant.times = times
    if short:
        SUMMARY.append((short, contestants))


def peers_of(contestants):
    """Those that the table for people shows."""
    return [one for one in contestants[1:] if not one.wrong and not one.name.startswith("rectify")]


def short_number(times):
    return f"{times:.1f}" if times < 10 else f"{times:.0f}"


def table_for_people():
    lines = ["| what | rectify: wall, CPU, memory | the others take, times as long |", "| --- | --- | --- |"]
    for short, contestants in SUMMARY:
        ours = contestants[0]
        others = ", ".join(f"{one.name.split()[0] if not one.answers else one.name} {short_number(one.times)}"
                           for one in peers_of(contestants))
        lines.append(f"| {short} | {seconds(ours.wall())}, {seconds(ours.cpu())}, {ours.peak} MiB | {others} |")
    return "\n".join(lines)


def plot(file):
    """Draws the table: a bar a contestant, as many times as long as rectify takes."""
    rows = [(short, one.name.split()[0] if not one.answers else one.name, one.times)
            for short, contestants in SUMMARY for one in peers_of(contestants)]
    commands, y, labels = [], 0, []
    title = None
    for short, name, times in rows:
        if short != title:
            y -= 0.6
            title = short
            labels.append(f"set label {json_module.dumps(short)} at graph -0.02, first {y} right")
        commands.append(f"{times} {y} {json_module.dumps(f'{name}  {short_number(times)}')}")
        y -= 1
    script = f"""set terminal svg size 900,{60 + int(-22 * y)} font 'sans-serif,13' background '#ffffff'
set output {json_module.dumps(str(file))}
set lmargin 28
set rmargin 14
set logscale x
set xrange [0.1:]
set yrange [{y}:0.6]
unset ytics
set border 1
set xtics nomirror
set xlabel "wall time, times rectify's (logarithmic); the line is rectify"
set arrow from 1, graph 0 to 1, graph 1 nohead lw 2 lc rgb '#d95f02'
{chr(10).join(labels)}
$bars << END
{chr(10).join(commands)}
END
set style fill solid 0.8 noborder
plot $bars using 1:2:(1):1:($2-0.4):($2+0.4) with boxxyerror lc rgb '#7570b3' notitle, \\
  $bars using ($1 < 1 ? 1 : $1):2:3 with labels left offset 0.6,0 notitle
"""
    subprocess.run(["gnuplot"], input=script, text=True, check=True)


def same(expected, answer):
    if isinstance(expected, bytes) or isinstance(answer, bytes):
        return expected == answer
    return len(expected) == len(answer) and all(
        math.isclose(a, b, rel_tol=TOLERANCE, abs_tol=1e-7) for a, b in zip(expected, answer))


# ---------------------------------------------------------------- contestants

def has(module):
    return subprocess.run([sys.executable, "-c", f"import {module}"], capture_output=True, check=False).returncode == 0


def version(module):
    done = subprocess.run([sys.executable, "-c", f"import {module}; print({module}.__version__)"], capture_output=True,
                          text=True, check=False)
    return f"{module} {done.stdout.strip()}" if done.returncode == 0 else f"no {module}"


def rectify(*arguments, **how):
    return Contestant("rectify " + " ".join(arguments), [BINARY, *arguments], **how)


def other(*arguments, **how):
    """rectify, too, with an answer of its own."""
    return Contestant("rectify " + " ".join(arguments), [BINARY, *arguments], answers=False, **how)


def tool(*arguments, **how):
    """What moves the bytes: the limit."""
    return Contestant(" ".join(arguments), [shutil.which(arguments[0]), *arguments[1:]], answers=False, **how)


def peer(*arguments, **how):
    """A list of what does the same, or an empty one where it is not there."""
    path = shutil.which(arguments[0])
    return [Contestant(arguments[0], [path, *arguments[1:]], **how)] if path else []


AWK_LEAKY = "{ for (i = 1; i <= NF; i++) if ($i < 0) $i *= 0.01; print }"
PERL_LEAKY = 'print join ",", map { $_ < 0 ? $_ * 0.01 : $_ } @F'
MLR_LEAKY = "for (k, v in $*) { if (v < 0) { $[k] = v * 0.01 } }"
NODE_LEAKY = ("const x = JSON.parse(require('fs').readFileSync('in.json'));"
              "console.log(JSON.stringify(x.map(r => r.map(v => v < 0 ? v * 0.01 : v))))")


class Python:
    """Contestants in NumPy or PyTorch, or none where the module is not there."""

    def __init__(self, module):
        self.module, self.there = module, has(module)

    def __call__(self, code, **how):
        imports = "import numpy as np\n" + ("import torch\nimport torch.nn.functional as F\n"
                                            if self.module == "torch" else "")
        return [Contestant({"numpy": "NumPy", "torch": "PyTorch"}[self.module], [sys.executable, "-c", imports + code], **how)] if self.there else []


def named(name, contestants):
    for contestant in contestants:
        contestant.name = name
    return contestants


NUMPY_MAPPED = """x = np.load('in.npy', mmap_mode='r')
y = np.lib.format.open_memmap('out.npy', 'w+', x.dtype, x.shape)
for i in range(0, len(x), 65536):
    part = x[i:i + 65536]
    y[i:i + 65536] = np.where(part > 0, part, part * np.float32(0.01))
"""
NUMPY_LEAKY = "y = np.where(x > 0, x, x * np.float32(0.01))\n"
TORCH_LEAKY = "y = F.leaky_relu(x).numpy()\n"
NUMPY_JSON = "x = np.array(json.load(open('in.json')), np.float32)\n" + NUMPY_LEAKY
TORCH_JSON = "x = torch.tensor(json.load(open('in.json')))\n" + TORCH_LEAKY


def races(folder, numbers, rounds, scaling):  # pylint: disable=too-many-statements
    """Every race as a title and a function."""
    numpy, torch = Python("numpy"), Python("torch")
    rows = max(numbers // 8, 1)
    large_rows = numbers  # .npy goes so much faster that start-up would be all there is to see
    print_rows = max(numbers // 80, 1)

    def make(name, shape, *how):
        if not (folder / name).exists():
            subprocess.run([BINARY, "--randn", shape, "--seed", "0", "--slope", "1", "-o", name, *how], cwd=folder, check=True)
        return (folder / name).stat().st_size

    def table(name, columns, digits, short=""):
        """CSV to CSV of so many digits a number, beside whatever reads and writes tables."""
        shape = f"{max(numbers // columns, 1)},{columns}"
        size = make(name, shape, *(["--float-format", f"%.{digits}g"] if digits else []))
        save = "np.savetxt('out.csv', y, '%.9g', ',')\n"
        read = f"np.loadtxt('{name}', np.float32, delimiter=',')"
        race(f"CSV to CSV: {shape.replace(',', ' x ')}, {digits or 9} digits, {size / 1e6:.1f} MB", [
            rectify(name, "--to", "csv", stdout="out.csv"),
            rectify(name, "--to", "csv", "--threads", "1", stdout="out.csv"), tool("cat", name, stdout="out.csv"),
            # mawk makes its line anew for each of its fields, and Miller looks for a field among all: minutes of wide tables.
            *(peer("mawk", "-F,", "-v", "OFS=,", AWK_LEAKY, name, stdout="out.csv") if columns < 100 else []),
            *peer("perl", "-F,", "-lane", PERL_LEAKY, name, stdout="out.csv"),
            *(peer("mlr", "--csv", "--implicit-csv-header", "--headerless-csv-output", "put", MLR_LEAKY, name, stdout="out.csv")
              if columns < 100 else []),
            *numpy(f"x = {read}\n{NUMPY_LEAKY}{save}", new="out.csv"),
            *torch(f"x = torch.from_numpy({read})\n{TORCH_LEAKY}{save}", new="out.csv"),
        ], folder, rounds, size, "MB/s", short)

    def start_up():
        race("start-up: four numbers", [
            rectify("--tensor", "[2,-4,5,-6]"), tool("true"),
            *peer("mawk", "BEGIN { print 2, -0.04, 5, -0.06 }"), *peer("perl", "-e", "print 2, -0.04, 5, -0.06"),
            *peer("jq", "-n", "[2, -4, 5, -6] | map(if . < 0 then . * 0.01 else . end)"),
            *peer("mlr", "-n", "put", "end { print -4 * 0.01 }"),
        ], folder, 100 * rounds, short="start-up, four numbers", spawn=True)
        race("start-up: the import alone", [
            rectify("--tensor", "[2,-4,5,-6]"),
            *([Contestant("NumPy", [sys.executable, "-c", "import numpy"])] if numpy.there else []),
            *([Contestant("PyTorch", [sys.executable, "-c", "import torch"])] if torch.there else []),
        ], folder, rounds, spawn=True, short="imports")
        title, contestants = SUMMARY[-2]
        SUMMARY[-2:] = [(title, contestants + SUMMARY[-1][1][1:])]

    def csv():
        table("digits9.csv", 8, 0)
        table("digits6.csv", 1000, 6)
        table("narrow6.csv", 10, 6, "CSV to CSV")
        table("digits3.csv", 1000, 3)
        size = make("digits6.csv", f"{max(numbers // 1000, 1)},1000", "--float-format", "%.6g")
        race(f"CSV to CSV, relu: 1000 columns, 6 digits, {size / 1e6:.1f} MB", [
            rectify("digits6.csv", "--mode", "relu", "--to", "csv", stdout="out.csv"),
            *peer("sed", "-E", r"s/(^|,)-[^,]*/\10/g", "digits6.csv", stdout="out.csv"),
        ], folder, rounds, size, "MB/s")

    def columns():
        size = make("narrow6.csv", f"{max(numbers // 10, 1)},10", "--float-format", "%.6g")
        call = ("narrow6.csv", "--header", "no", "--to", "csv", "--threads", "1")
        race(f"CSV to CSV, columns kept and left out: 10 columns, {size / 1e6:.1f} MB", [
            rectify(*call, stdout="out.csv"),
            *(other(*call, *columns, stdout="out.csv") for columns in (
                ("--keep", "1"), ("--keep", "5"), ("--keep", "1,6"), ("--keep", "10"), ("--columns", "2-10"))),
        ], folder, rounds, size, "MB/s")

    def json():
        size = make("in.json", f"{rows},8")
        save = "json.dump(y.tolist(), open('out.json', 'w'))\n"
        race(f"JSON to JSON: {rows} x 8, {size / 1e6:.1f} MB", [
            rectify("in.json", "--to", "json", stdout="out.json"),
            rectify("in.json", "--to", "json", "--threads", "1", stdout="out.json"),
            tool("cat", "in.json", stdout="out.json"),
            *peer("jq", "-c", "map(map(if . < 0 then . * 0.01 else . end))", "in.json", stdout="out.json"),
            *peer("node", "-e", NODE_LEAKY, stdout="out.json"),
            *numpy(f"import json\n{NUMPY_JSON}{save}", new="out.json"),
            *torch(f"import json\n{TORCH_JSON}{save}", new="out.json"),
        ], folder, rounds, size, "MB/s", "JSON to JSON")

    def jsonl():
        size = make("in.jsonl", f"{rows},8")
        loop = "import json\nwith open('out.jsonl', 'w') as out:\n  for line in open('in.jsonl'):\n    "
        save = "    out.write(json.dumps(y.tolist()) + '\\n')\n"
        race(f"JSON Lines to JSON Lines: {rows} records of 8, {size / 1e6:.1f} MB", [
            rectify("in.jsonl", "--to", "jsonl", stdout="out.jsonl"),
            rectify("in.jsonl", "--to", "jsonl", "--threads", "1", stdout="out.jsonl"),
            tool("cat", "in.jsonl", stdout="out.jsonl"),
            *numpy(f"{loop}x = np.array(json.loads(line), np.float32)\n    {NUMPY_LEAKY}{save}", new="out.jsonl"),
            *torch(f"{loop}x = torch.tensor(json.loads(line))\n    {TORCH_LEAKY}{save}", new="out.jsonl"),
        ], folder, rounds, size, "MB/s")

    def npy():
        size = make("in.npy", f"{large_rows},8")
        save = "np.save('out.npy', y)\n"
        race(f"NPY to NPY: {large_rows} x 8, {size / 1e6:.1f} MB", [
            rectify("in.npy", "-o", "out.npy", new="out.npy"),
            rectify("in.npy", "-o", "out.npy", "--threads", "1", new="out.npy"),
            tool("cp", "in.npy", "out.npy", new="out.npy"), tool("cat", "in.npy", stdout="out.npy"),
            *numpy(f"x = np.load('in.npy')\n{NUMPY_LEAKY}{save}", new="out.npy"),
            *named("NumPy mapped", numpy(NUMPY_MAPPED, new="out.npy")),
            *torch(f"x = torch.from_numpy(np.load('in.npy'))\n{TORCH_LEAKY}{save}", new="out.npy"),
        ], folder, rounds, size, "MB/s", "NPY to NPY")

    def full_print():
        whole = "torch.set_printoptions(threshold=float('inf'))\nprint(F.leaky_relu(torch.from_numpy(np.load('{0}'))))\n"
        make("print.npy", f"{print_rows},8")
        race(f"a full print of {print_rows} x 8", [
            rectify("print.npy", "--threshold", "inf", stdout="out.txt"), *torch(whole.format("print.npy"), stdout="out.txt"),
        ], folder, rounds, print_rows * 8, "million/s", f"a print of {print_rows * 8:,} numbers")
        make("long.npy", "1000,1000")
        race("a full print of 1000 x 1000", [
            rectify("long.npy", "--threshold", "inf", stdout="out.txt"),
            rectify("long.npy", "--threshold", "inf", "--threads", "1", stdout="out.txt"), tool("cat", "out.txt"),
        ], folder, max(rounds, 9), 1e6, "million/s", "a print of a million")
        make("in.npy", f"{large_rows},8")
        race(f"a summary of {large_rows} x 8", [
            rectify("in.npy"), *torch("print(F.leaky_relu(torch.from_numpy(np.load('in.npy'))))\n")], folder, rounds)

    def small_files():
        (folder / "small").mkdir(exist_ok=True)
        for i in range(10000):
            (folder / "small" / f"{i:05}.csv").write_text(f"{i - 5000}.5,-1,2,{i}.25\n", encoding="ascii")

        def all_of(name, command, **how):
            return Contestant(name, ["sh", "-c", f"exec {command} small/*.csv", BINARY], stdout="out.csv", **how)

        race("10,000 small CSV files to CSV", [
            all_of("rectify", '"$0" --to csv'), all_of("rectify --threads 1", '"$0" --to csv --threads 1'),
            all_of("cat", "cat", answers=False),
            *([all_of("mawk", f"mawk -F, -v OFS=, '{AWK_LEAKY}'")] if shutil.which("mawk") else []),
            *([all_of("perl", f"perl -F, -lane '{PERL_LEAKY}'")] if shutil.which("perl") else []),
        ], folder, rounds, 10000 / 1e-6, "files/s", "10,000 small CSV files")

    def scale():
        for megabytes in (30, 300, 3000):
            for name, per_number in (("csv", 9.6), ("json", 11), ("npy", 4)):
                shape = f"{int(megabytes * 1e6 / per_number / 100)},100"
                how = ["--float-format", "%.6g"] if name == "csv" else []
                size = make(f"scale.{name}", shape, *how)
                race(f"{name} to {name}, {size / 1e6:.0f} MB", [
                    rectify(f"scale.{name}", "-o", f"out.{name}", "--threads", "2", new=f"out.{name}"),
                    rectify(f"scale.{name}", "-o", f"out.{name}", "--threads", "1", new=f"out.{name}"),
                    tool("cp", f"scale.{name}", f"out.{name}", new=f"out.{name}"),
                ], folder, 1, size, "MB/s")
                (folder / f"scale.{name}").unlink()
                (folder / f"out.{name}").unlink()

    def randn():
        race(f"randn of {large_rows} x 8 to NPY", [
            rectify("--randn", f"{large_rows},8", "--seed", "0", "-o", "out.npy", new="out.npy"),
            *torch(f"torch.manual_seed(0)\nx = torch.randn({large_rows}, 8)\n{TORCH_LEAKY}np.save('out.npy', y)\n", new="out.npy"),
        ], folder, rounds, large_rows * 8, "million/s", "randn to NPY")

    def compare():
        size = make("in.npy", f"{large_rows},8")
        race(f"compare: {large_rows} x 8, {size / 1e6:.1f} MB of NPY", [
            rectify("compare", "in.npy"), rectify("compare", "in.npy", "--threads", "1"),
            *numpy("x = np.load('in.npy')\nprint((x > 0).sum(0), (x == 0).sum(0), (x < 0).sum(0))\n"),
        ], folder, rounds, size, "MB/s", "compare of NPY")
        size = make("in.csv", f"{rows},8")
        race(f"compare: {rows} x 8, {size / 1e6:.1f} MB of CSV", [
            rectify("compare", "in.csv"),
            *numpy("x = np.loadtxt('in.csv', np.float32, delimiter=',')\n"
                   "print((x > 0).sum(0), (x == 0).sum(0), (x < 0).sum(0))\n"),
        ], folder, rounds, size, "MB/s")

    def pipe():
        for name, shape in (("in.csv", f"{rows},8"), ("in.jsonl", f"{rows},8"), ("in.npy", f"{large_rows},8")):
            size = make(name, shape)
            to = name.removeprefix("in.")
            race(f"{to} through a pipe: {size / 1e6:.1f} MB", [
                *(Contestant(f"cat {name} | rectify --to {to} --threads {threads}",
                             ["sh", "-c", f'cat {name} | "$0" --to {to} --threads {threads}', BINARY])
                  for threads in (2, 1)),
                rectify(name, "--to", to, "--threads", "2"), tool("cat", name),
            ], folder, rounds, size, "MB/s")

    return [("start-up", start_up), ("csv", csv), ("columns", columns), ("json", json), ("jsonl", jsonl), ("npy", npy),
            ("print", full_print), ("randn", randn), ("compare", compare), ("files", small_files), ("pipe", pipe), *([("scaling", scale)] if scaling else [])]


# ---------------------------------------------------------------- machine

def processor():
    try:
        for line in pathlib.Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.lower().startswith("model name"):
                return line.split(":", 1)[1].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


def main():
    global BINARY
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("binary", type=lambda text: str(pathlib.Path(text).resolve()))
    parser.add_argument("--numbers", type=int, default=600000, metavar="N",
                        help="numbers in a text file; eight times as many in .npy [600000]")
    parser.add_argument("--rounds", type=int, default=3, metavar="N", help="[3]")
    parser.add_argument("--filter", default="", metavar="TEXT",
                        help="only start-up, csv, json, jsonl, npy, print, randn, compare, files, pipe or scaling")
    parser.add_argument("--scaling", action="store_true", help="also files of 30, 300 and 3000 MB")
    parser.add_argument("--plot", metavar="FILE.svg", help="draws the table by gnuplot")
    parser.add_argument("--json", metavar="FILE", help="also writes the figures there")
    options = parser.parse_args()
    BINARY = options.binary

    release = subprocess.run([BINARY, "--version"], capture_output=True, text=True, check=True).stdout.split(" (")[0]
    print(f"{release.strip()}; python {platform.python_version()}, {version('numpy')}, {version('torch')}")
    print(f"{processor()}, {len(os.sched_getaffinity(0))} processors, {platform.system()} {platform.release()}, "
          f"{datetime.date.today()}, load {os.getloadavg()[0]:.1f}")
    print(f"medians of {options.rounds}: wall time, user and system time of all threads, peak resident memory")
    with tempfile.TemporaryDirectory(prefix="rectify-bench-") as name:
        for title, function in races(pathlib.Path(name), options.numbers, options.rounds, options.scaling):
            if options.filter in title:
                function()
    if SUMMARY:
        print("\n" + table_for_people())
    if SUMMARY and options.plot:
        plot(pathlib.Path(options.plot).resolve())
    if options.json:
        pathlib.Path(options.json).write_text(json_module.dumps(RESULTS, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()

#!/usr/bin/python3
"""How fast files of numbers pass, beside what the system moves them with: files.py BINARY [--mib N] [--rounds N] [--folder F] [--filter TEXT]

Rows are pairs: ours, and a peer that has the same bytes to move (cat, cp, zlib's own inflate) or another call of ours.
`ratio` is the peer's time by ours, the greater the better, beside the least that is wanted. Inputs are rectify's own --randn
in a folder of its own under F (default: the temporary one; a tmpfs and a disk differ, so say which). Both are run by turns,
the least time of each counts, since others use the machine, too; outputs are new files each time. rows() gives the same to
who imports it. Nothing is asserted.
"""
import argparse
import pathlib
import random
import shutil
import struct
import subprocess
import sys
import tempfile
import time
import zipfile

INFLATE = """import struct, sys, zlib
data = open(sys.argv[1], "rb").read()
name, extra = struct.unpack("<HH", data[26:30])
zlib.decompressobj(-15).decompress(data[30 + name + extra:])
"""


class Row:
    """`ours` and `peer`: arguments of a shell; {r} is rectify, {o} a file to write."""

    def __init__(self, name, ours, peer, wanted):
        self.name, self.ours, self.peer, self.wanted = name, ours, peer, wanted
        self.seconds, self.peer_seconds = float("inf"), float("inf")

    @property
    def ratio(self):
        return self.peer_seconds / self.seconds


TO_NPY = "{r} --mode leaky f.npy -o {o}.npy"
ROWS = (
    ("npy to npy, by cat", TO_NPY, "cat f.npy >{o}", 1.0),
    ("npy to npy, by cp", TO_NPY, "cp --reflink=never f.npy {o}", 1.0),
    ("npy to a redirected npy, by cat", "{r} --mode leaky --to npy f.npy >{o}", "cat f.npy >{o}", 1.0),
    ("npy to a pipe, by cat", "{r} --mode leaky --to npy f.npy | cat >/dev/null", "cat f.npy | cat >/dev/null", 1.0),
    ("two threads, by one", "{r} --threads 2 f.npy -o {o}.npy", "{r} --threads 1 f.npy -o {o}.npy", 1.0),
    ("elu, by relu", "{r} --mode elu f.npy -o {o}.npy", "{r} --mode relu f.npy -o {o}.npy", 1 / 1.3),
    ("safetensors to safetensors, by npy", "{r} f.safetensors -o {o}.safetensors", "{r} f.npy -o {o}.npy", 0.9),
    ("npz to npz, by npy", "{r} f.npz -o {o}.npz", "{r} f.npy -o {o}.npy", 0.9),
    ("deflated npz, by zlib", "{r} --mode relu deflated.npz --to npy >/dev/null", "{python} inflate.py deflated.npz", 0.9),
    ("--list of 10 GB, by 10 ms", "{r} --list sparse.safetensors >/dev/null", "sleep 0.01", 1.0),
    ("npy to csv, by csv to csv", "{r} t.npy -o {o}.csv", "{r} t.csv -o {o}.csv", 1.0),
    ("csv to npy, by csv to csv", "{r} t.csv -o {o}.npy", "{r} t.csv -o {o}.csv", 1.0),
    ("npy to json, by csv to csv", "{r} t.npy -o {o}.json", "{r} t.csv -o {o}.csv", 1.0),
    *((f"compare of {dtype}, by half the speed of float32", f"{{r}} compare --threads 1 {modes} {dtype}.npy >/dev/null",
       f"{{r}} compare --threads 1 {modes} float32.npy >/dev/null", 0.5)
      for dtype, modes in (*((dtype, "--mode relu,leaky") for dtype in ("float16", "float64")),
                           *((dtype, "--mode relu") for dtype in ("int8", "int16", "int32", "int64", "uint8")))),
)
ITEMS = {"float16": 2, "float32": 4, "float64": 8, "int8": 1, "int16": 2, "int32": 4, "int64": 8, "uint8": 1}


def make_inputs(binary, folder, mib):
    """The files that ROWS names. None is larger than `mib`, though one says that it is."""
    def run(*arguments):
        subprocess.run([binary, *arguments], cwd=folder, check=True, stdin=subprocess.DEVNULL)
    columns = 1000
    chance = random.Random(0)
    shape = f"{(mib << 20) // (4 * columns)},{columns}"
    run("--mode", "leaky(1)", "--randn", shape, "--seed", "0", "-o", "f.npy")
    for extension in ("npz", "safetensors"):
        run("--mode", "leaky(1)", "f.npy", "-o", f"f.{extension}")
    small = f"{(mib << 20) // (40 * columns) + 1},{columns}"
    run("--mode", "leaky(1)", "--randn", small, "--seed", "1", "-o", "t.npy")
    run("--mode", "leaky(1)", "t.npy", "-o", "t.csv")
    for dtype, size in ITEMS.items():
        rows = (mib << 20) // (4 * size * columns) + 1
        if dtype.startswith("float"):
            run("--mode", "leaky(1)", "--randn", f"{rows},{columns}", "--seed", "2", "--dtype", dtype, "-o", f"{dtype}.npy")
            continue
        signed = dtype[0] == "i"
        data = b"".join(chance.randrange(-100 * signed, 100).to_bytes(size, "little", signed=signed)
                        for _ in range(columns)) * rows
        descr = f"{'<' if size > 1 else '|'}{dtype[0]}{size}"
        header = f"{{'descr': '{descr}', 'fortran_order': False, 'shape': ({rows}, {columns}), }}"
        text = header.encode().ljust(117) + b"\n"
        (folder / f"{dtype}.npy").write_bytes(b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text + data)
    with zipfile.ZipFile(folder / "deflated.npz", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.write(folder / "t.npy", "t.npy")
    (folder / "inflate.py").write_text(INFLATE)
    count = 2_500_000_000
    head = f'{{"a":{{"dtype":"F32","shape":[{count}],"data_offsets":[0,{4 * count}]}}}}'.encode()
    with open(folder / "sparse.safetensors", "wb") as file:
        file.write(struct.pack("<Q", len(head)) + head)
        file.truncate(8 + len(head) + 4 * count)


def seconds(call, folder):
    begin = time.perf_counter()
    subprocess.run(["sh", "-c", call], cwd=folder, check=True, stdin=subprocess.DEVNULL)
    taken = time.perf_counter() - begin
    for path in folder.glob("out*"):
        path.unlink()
    return taken


def rows(binary, mib=400, rounds=7, folder=None, text=""):
    """The Rows, measured one after the other."""
    where = pathlib.Path(tempfile.mkdtemp(prefix="rectify-files-", dir=folder))
    try:
        make_inputs(binary, where, mib)
        for row in (Row(*fields) for fields in ROWS if text in fields[0]):
            words = {"r": binary, "o": "out", "python": sys.executable}
            for _ in range(rounds + 1):  # the first warms up
                row.seconds = min(row.seconds, seconds(row.ours.format(**words), where))
                row.peer_seconds = min(row.peer_seconds, seconds(row.peer.format(**words), where))
            yield row
    finally:
        shutil.rmtree(where)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("binary", type=pathlib.Path)
    parser.add_argument("--mib", type=int, default=400, help="the size of the largest input")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--folder", type=pathlib.Path, help="where the files are")
    parser.add_argument("--filter", default="", help="rows whose name contains it")
    options = parser.parse_args()
    print(f"{'':48} {'ours':>8} {'peer':>8} {'ratio':>6} {'wanted':>7}")
    for row in rows(str(options.binary.resolve()), options.mib, options.rounds, options.folder, options.filter):
        print(f"{row.name:48} {row.seconds:8.4f} {row.peer_seconds:8.4f} {row.ratio:6.2f} {row.wanted:7.2f}", flush=True)


if __name__ == "__main__":
    main()

#!/usr/bin/python3
"""The kernels of the activations beside PyTorch's: activations.py BENCH [--rounds N] [--filter TEXT] [--memory] [--values N]

BENCH is the program of activation_bench.cpp (cmake --build build/dev --target activation_bench). One thread each, 2^20 values in
cache, values and gradients, float32 and float64: first whether the bits agree, then the time of both, in turn, for so many
rounds of a few calls, of which the fastest counts. `ratio` is PyTorch's time by rectify's: above 1, rectify is the faster.
Where this PyTorch computes something else, the last column has the share of values whose bits differ, and the ratio compares
unlike work: elu, selu and celu of older PyTorches take exp(x) - 1, those of now expm1, as rectify does, which costs more. So there is
a row in which PyTorch's time is that of torch.expm1 alone.
PyTorch's memory comes from a heap that is kept, so that no page of a result is new to it. A gradient that PyTorch takes from what
forward has kept (tanh, sigmoid, logsigmoid), or makes of several operations (softsign, tanhshrink), is timed with what it
needs. --memory: relu and leaky_relu on 2^26 values, in place and not, beside a plain copy of the same bytes.
"""
import argparse
import ctypes
import pathlib
import subprocess
import sys
import tempfile
import time

import torch

# mallopt(3): M_MMAP_MAX, M_TRIM_THRESHOLD. No result is given back to the system, to come back as new pages.
M_TRIM_THRESHOLD, M_MMAP_MAX = -1, -4

F = torch.nn.functional
ops = torch.ops.aten


def through_autograd(function):
    def gradient(x, ones):
        leaf = x.detach().requires_grad_()
        return torch.autograd.grad(function(leaf), leaf, ones)[0]
    return gradient


def of_logsigmoid(x, ones):
    _, kept = ops.log_sigmoid_forward(x)
    return ops.log_sigmoid_backward(ones, x, kept)


ALPHA, SCALE = 1.6732632423543772848170429916717, 1.0507009873554804934193349852946
ROWS = {  # what rectify calls it: PyTorch's value, and gradient from x and ones
    "relu": (torch.relu, lambda x, ones: ops.threshold_backward(ones, x, 0)),
    "leaky": (F.leaky_relu, lambda x, ones: ops.leaky_relu_backward(ones, x, 0.01, False)),
    "relu6": (F.relu6, lambda x, ones: ops.hardtanh_backward(ones, x, 0, 6)),
    "hardtanh": (F.hardtanh, lambda x, ones: ops.hardtanh_backward(ones, x, -1, 1)),
    "hardswish": (F.hardswish, lambda x, ones: ops.hardswish_backward(ones, x)),
    "hardsigmoid": (F.hardsigmoid, lambda x, ones: ops.hardsigmoid_backward(ones, x)),
    "threshold(0.1, 20)": (lambda x: F.threshold(x, 0.1, 20), lambda x, ones: ops.threshold_backward(ones, x, 0.1)),
    "hardshrink": (F.hardshrink, lambda x, ones: ops.hardshrink_backward(ones, x, 0.5)),
    "softshrink": (F.softshrink, lambda x, ones: ops.softshrink_backward(ones, x, 0.5)),
    "softsign": (F.softsign, through_autograd(F.softsign)),
    "elu": (F.elu, lambda x, ones: ops.elu_backward(ones, 1, 1, 1, False, x)),
    "elu, expm1 alone": (torch.expm1, None),
    "selu": (F.selu, lambda x, ones: ops.elu_backward(ones, ALPHA, SCALE, 1, False, x)),
    "celu(1.7)": (lambda x: F.celu(x, 1.7), through_autograd(lambda x: F.celu(x, 1.7))),
    "gelu": (F.gelu, lambda x, ones: ops.gelu_backward(ones, x)),
    "gelu(tanh)": (lambda x: F.gelu(x, approximate="tanh"), lambda x, ones: ops.gelu_backward(ones, x, approximate="tanh")),
    "silu": (F.silu, lambda x, ones: ops.silu_backward(ones, x)),
    "mish": (F.mish, lambda x, ones: ops.mish_backward(ones, x)),
    "softplus": (F.softplus, lambda x, ones: ops.softplus_backward(ones, x, 1, 20)),
    "logsigmoid": (F.logsigmoid, of_logsigmoid),
    "sigmoid": (torch.sigmoid, lambda x, ones: ops.sigmoid_backward(ones, torch.sigmoid(x))),
    "tanh": (torch.tanh, lambda x, ones: ops.tanh_backward(ones, torch.tanh(x))),
    "tanhshrink": (F.tanhshrink, through_autograd(F.tanhshrink)),
}


class Bench:
    """The other program."""

    def __init__(self, binary):
        self.process = subprocess.Popen([binary], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def ask(self, *fields):
        self.process.stdin.write("\t".join(map(str, fields)) + "\n")
        self.process.stdin.flush()
        answer = self.process.stdout.readline()
        if not answer:
            sys.exit(f"activations.py: {' '.join(map(str, fields))}: no answer")
        return answer.strip()


def fastest(calls, function, *arguments):
    """Nanoseconds of the processor."""
    best = None
    for _ in range(calls):
        begin = time.thread_time_ns()
        function(*arguments)
        took = time.thread_time_ns() - begin
        best = took if best is None else min(best, took)
    return best


def share_differing(x, y):
    """Of two tensors, bit for bit, where all NaN are one."""
    whole = torch.int32 if x.dtype == torch.float32 else torch.int64
    differ = (x.view(whole) != y.view(whole)) & ~(x.isnan() & y.isnan())
    return differ.double().mean().item()


def in_cache(bench, options, folder):
    calls = 5
    print(f"{'ns a value':18} {'':8} {'':9} {'rectify':>8} {'PyTorch':>8} {'ratio':>6}  differing")
    slower = []
    for dtype in (torch.float32, torch.float64):
        torch.manual_seed(0)
        x = torch.randn(options.values, dtype=dtype) * 2
        ones = torch.ones_like(x)
        name = str(dtype).removeprefix("torch.")
        data = folder / name
        data.write_bytes(bytes(x.numpy()))
        for mode, functions in ROWS.items():
            question = mode.partition(", expm1")[0]
            for direction, function in zip(("forward", "backward"), functions):
                row = f"{mode:18} {name:8} {direction:9}"
                if function is None or options.filter not in row:
                    continue
                arguments = (x,) if direction == "forward" else (x, ones)
                expected = function(*arguments)
                if function is torch.expm1:
                    expected = torch.where(x < 0, expected, x)
                bench.ask(question, name, direction, data, folder / "answer", 1)
                got = torch.frombuffer(bytearray((folder / "answer").read_bytes()), dtype=dtype)
                differing = share_differing(expected, got)
                ours, theirs = [], []
                for _ in range(options.rounds):
                    ours.append(float(bench.ask(question, name, direction, data, "-", calls)))
                    theirs.append(fastest(calls, function, *arguments) / options.values)
                ratio = min(theirs) / min(ours)
                if ratio < 1:
                    slower.append(row)
                print(f"{row} {min(ours):8.3f} {min(theirs):8.3f} {ratio:6.2f}  {f'{differing:.2%}' if differing else ''}",
                      flush=True)
    print(f"{len(slower)} slower than PyTorch")


def at_memory_speed(bench, options, folder):
    print(f"{'GB/s written':18} {'':8} {'in place':>8} {'beside':>8} {'copy':>8}  of a copy")
    for name, size in (("float32", 4), ("float64", 8)):
        nbytes = size << 26
        data = folder / name
        torch.randn(1 << 26, dtype=getattr(torch, name)).numpy().tofile(data)
        for mode in ("relu", "leaky"):
            times = {"copy": [], "in place": [], "-": []}
            for _ in range(options.rounds):
                for to in ("-", "in place"):
                    times[to].append(float(bench.ask(mode, name, "forward", data, to, 1)) / size)
                times["copy"].append(float(bench.ask("copy", nbytes, 1)))
            copy, beside, in_place = (min(times[key]) for key in ("copy", "-", "in place"))
            print(f"{mode:18} {name:8} {1 / in_place:8.2f} {1 / beside:8.2f} {1 / copy:8.2f}  "
                  f"{copy / in_place:.2f} in place, {copy / beside:.2f} beside", flush=True)
        data.unlink()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bench", type=pathlib.Path)
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--values", type=int, default=1 << 20)
    parser.add_argument("--filter", default="", help="only rows in which this text is")
    parser.add_argument("--memory", action="store_true")
    options = parser.parse_args()
    libc = ctypes.CDLL(None)
    libc.mallopt(M_MMAP_MAX, 0)
    libc.mallopt(M_TRIM_THRESHOLD, 2**31 - 1)
    torch.set_num_threads(1)
    bench = Bench(options.bench)
    print(f"PyTorch {torch.__version__}; rectify's target: {bench.ask('target')}")
    with tempfile.TemporaryDirectory() as folder:
        (at_memory_speed if options.memory else in_cache)(bench, options, pathlib.Path(folder))


if __name__ == "__main__":
    main()

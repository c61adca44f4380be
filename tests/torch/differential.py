#!/usr/bin/python3
"""rectify against the installed PyTorch: differential.py BINARY [SEED [COUNT]]

Random tensors (COUNT of them a dtype, 300 unless given) of every dtype, many shapes and values go through rectify and
through PyTorch, and every bit is compared; any NaN equals any NaN. Covered: forward, --grad, --inplace, the whole family, printing with
options, text in and out, literals, randn, and the real pre-activations in samples/data. Same SEED, same tensors.
Without PyTorch, or where RECTIFY_QUICK is set: prints `skipped: ` and why, and exits 77. The exit status is 1 when something failed.

rectify follows PyTorch 2.14. An older release is asked wherever both agree. Where they do not (BY_RULE below), what 2.14
gives is made of what this one does, and the last lines say how many checks that were, of which kind and why.
"""
import collections
import io
import json
import math
import os
import pathlib
import random
import struct
import subprocess
import sys
import tempfile

if os.environ.get("RECTIFY_QUICK"):
    print("skipped: PyTorch (--quick)")
    sys.exit(77)
# The vector loops that rectify follows, whatever this processor has; float32 gelu is oneDNN's.
os.environ["ATEN_CPU_CAPABILITY"] = "avx2"
os.environ["ONEDNN_MAX_CPU_ISA"] = "AVX2"
try:
    import numpy as np
    import torch
    import torch.nn.functional as F
except ImportError:
    print("skipped: no PyTorch")
    sys.exit(77)

PROJECT = pathlib.Path(__file__).resolve().parent.parent.parent
DATA = PROJECT / "samples" / "data"
FLOATS = ("float32", "float64", "float16", "bfloat16")
INTEGERS = ("int8", "int16", "int32", "int64", "uint8")
BITS = {"float32": np.uint32, "float64": np.uint64, "float16": np.uint16, "bfloat16": np.uint16}
SLOPES = (0.01, 0.2, 0.0, -0.0, 1.0, -1.0, -0.5, 2.5, 1 / 3, 1e-30, -1e-46, 1e10, 3e38)
SECONDS = 20

FOLLOWED = (2, 14)
OLDER = tuple(int(number) for number in torch.__version__.split(".")[:2]) < FOLLOWED
BY_RULE = {
    "activations of float16": "1.13 has none on a CPU; 2.14 computes in float32 and rounds once",
    "print with sci_mode": "1.13 measures the column in the notation it would choose; 2.14 in the one it prints",
    "print with edgeitems 0": "1.13 repeats data or throws, and tells no size; 2.14 has [...] and size=",
    "randn of float64 below 16 values": "1.13 takes log(1 - u); 2.14 log1p(-u)",
    "randn of 16 bits from 16 values on": "1.13 rounds the steps to 16 bits; 2.14 draws float32 and rounds the result",
}

passed = failed = 0
by_rule = collections.Counter()


def dtype_of(name):
    return getattr(torch, name)


def check(title, ok, *details):
    global passed, failed
    if ok:
        passed += 1
    else:
        failed += 1
        print("FAILED", title, *(f"\n  {text}" for text in details), flush=True)


def differs(kind):
    """True if this release is too old to be asked, which is counted."""
    assert kind in BY_RULE
    by_rule[kind] += OLDER
    return OLDER


def rectify(arguments, data=b""):
    done = subprocess.run([BINARY, *arguments], input=data, capture_output=True, timeout=SECONDS, check=False,
                          env={"PATH": os.defpath, "LC_ALL": "C"})
    if done.returncode or done.stderr:
        check(" ".join(arguments), False, f"exit {done.returncode}, stderr {done.stderr[:400]!r}")
    return done.stdout


def loads(text):
    """JSON, or nothing at all where rectify failed: that was reported already."""
    return json.loads(text) if text.strip() else []


# ---------------------------------------------------------------- tensors to and from bytes

def as_npy(tensor):
    file = io.BytesIO()
    np.save(file, tensor.numpy())
    return file.getvalue()


def as_json(tensor):
    """The values exactly: a double has a text for every value of the narrower dtypes."""
    return json.dumps(tensor.double().tolist() if tensor.is_floating_point() else tensor.tolist())


def from_npy(data):
    file, tensors = io.BytesIO(data), []
    while file.tell() < len(data):
        tensors.append(torch.from_numpy(np.load(file, allow_pickle=False)))
    return tensors


def narrowed(values, dtype):
    """Doubles in `dtype` by PyTorch's way."""
    double = torch.tensor(values, dtype=torch.float64)
    return double.float().to(dtype_of(dtype)) if dtype in ("float16", "bfloat16") else double.to(dtype_of(dtype))


def equal(a, b):
    """The same dtype, shape and bits; any NaN is any NaN."""
    if a.dtype != b.dtype or a.shape != b.shape:
        return False
    if not a.is_floating_point():
        return torch.equal(a, b)
    view = {2: torch.int16, 4: torch.int32, 8: torch.int64}[a.element_size()]
    a, b = a.reshape(-1), b.reshape(-1)
    return bool(((a.view(view) == b.view(view)) | (a.isnan() & b.isnan())).all())


def stream(arguments, tensors, dtype):
    """Each tensor through one call of rectify: as .npy, or for bfloat16, which has none, as JSON Lines."""
    if dtype != "bfloat16":
        return from_npy(rectify([*arguments, "-", "--from", "npy", "--to", "npy"], b"".join(map(as_npy, tensors))))
    data = "".join(as_json(t) + "\n" for t in tensors).encode()
    lines = rectify([*arguments, "-", "--from", "jsonl", "--dtype", dtype, "--to", "jsonl"], data).splitlines()
    return [narrowed(loads(line), dtype) for line in lines]


def compare(title, got, wanted, inputs):
    if len(got) != len(wanted):
        check(title, False, f"{len(wanted)} tensors expected, got {len(got)}")
        return
    for source, a, b in zip(inputs, got, wanted):
        check(title, equal(a, b), f"input    {source!r}", f"expected {b!r}", f"got      {a!r}")


# ---------------------------------------------------------------- random tensors

def draw_shape(rng, empty=True):
    shape = [rng.choice((1, 1, 2, 3, 4, 5, 7, 9, 17, 40)) for _ in range(rng.choice((0, 1, 1, 1, 2, 2, 3, 4)))]
    while math.prod(shape) > 400:
        shape[shape.index(max(shape))] = 2
    if empty and shape and rng.random() < 0.04:
        shape[rng.randrange(len(shape))] = 0
    return tuple(shape)


def draw_floats(rng, n, dtype):
    kind = rng.randrange(7)
    if kind == 0:  # any bits at all
        bits = np.frombuffer(rng.randbytes(n * BITS[dtype]().itemsize), BITS[dtype])
        if dtype == "bfloat16":
            return torch.from_numpy(bits.astype(np.int16)).view(torch.bfloat16)
        return torch.from_numpy(bits.view(dtype).copy())
    scale = 10.0 ** rng.randint(-6, 9)
    draw = (None, lambda: rng.gauss(0, 1) * scale, lambda: float(rng.randint(-10**6, 10**6) // 10 ** rng.randint(0, 6)),
            lambda: math.exp(rng.gauss(0, 8)) * rng.choice((-1, 1)),
            lambda: rng.randint(-4000, 4000) / 2.0 ** rng.randint(0, 12),
            lambda: rng.gauss(0, 1), lambda: rng.uniform(0.9, 1.1) * rng.choice((1e-4, 1e8, 1000, 1, 0.01)))[kind]
    values = [draw() for _ in range(n)]
    for special in (0.0, -0.0, math.nan, math.inf, -math.inf):
        if n and rng.random() < 0.15:
            values[rng.randrange(n)] = special
    return narrowed(values, dtype)


def draw_tensor(rng, dtype, empty=True):
    shape = draw_shape(rng, empty)
    n = math.prod(shape)
    if dtype in FLOATS:
        return draw_floats(rng, n, dtype).reshape(shape)
    info = torch.iinfo(dtype_of(dtype))
    top = min(2 ** rng.randint(1, 63), info.max)
    return torch.tensor([rng.randint(max(-top, info.min), top) for _ in range(n)], dtype=dtype_of(dtype)).reshape(shape)


# ---------------------------------------------------------------- what PyTorch does

def forward(tensor, mode, slope, inplace=False):
    if tensor.dtype == torch.float16 and differs("activations of float16"):
        return forward(tensor.float(), mode, slope).half()
    tensor = tensor.clone() if inplace else tensor
    if mode == "relu":
        return torch.relu_(tensor) if inplace else torch.relu(tensor)
    return F.leaky_relu(tensor, slope, inplace)


def gradient(tensor, mode, slope, inplace=False):
    leaf = tensor.clone().requires_grad_()
    output = forward(leaf, mode, slope, inplace)
    output.backward(torch.ones_like(output))
    return leaf.grad


class NewerFormatter(torch._tensor_str._Formatter):
    """Measures a column in the notation that sci_mode forces."""

    def __init__(self, tensor):
        super().__init__(tensor)
        options = torch._tensor_str.PRINT_OPTS
        seen = [v for v in tensor.reshape(-1).tolist() if math.isfinite(v) and v != 0] if self.floating_dtype else []
        if options.sci_mode is not None and seen:
            form = f".{options.precision}e" if self.sci_mode else ".0f" if self.int_mode else f".{options.precision}f"
            self.max_width = max(len(format(v, form)) for v in seen) + (self.int_mode and not self.sci_mode)


def printed_without_edges(tensor):
    """As 2.14 prints with edgeitems 0: nothing but an ellipsis where the tensor is shortened, and always the size."""
    shortened = tensor.dim() and tensor.numel() > torch._tensor_str.PRINT_OPTS.threshold
    suffixes = [f"size={tuple(tensor.shape)}"]
    if tensor.dtype not in (torch.float32, torch.int64, torch.bool):
        suffixes.append(f"dtype={tensor.dtype}")
    indent = len("tensor(")
    body = "[...]" if shortened else torch._tensor_str._tensor_str(tensor, indent)
    return torch._tensor_str._add_suffixes("tensor(" + body, suffixes, indent, force_newline=False)


def printed(tensor, options):
    own = torch._tensor_str._Formatter
    torch.set_printoptions(**{"profile": "default", "sci_mode": None, **options})
    if "sci_mode" in options and tensor.is_floating_point() and differs("print with sci_mode"):
        torch._tensor_str._Formatter = NewerFormatter
    if options.get("edgeitems") == 0 and tensor.numel() and differs("print with edgeitems 0"):
        text = printed_without_edges(tensor)
    else:
        text = str(tensor)
    torch._tensor_str._Formatter = own
    torch.set_printoptions(profile="default", sci_mode=None)
    return text + "\n"


# ---------------------------------------------------------------- the comparisons

def activations(rng, count):
    for dtype in FLOATS:
        for mode, inplace, grad in ((m, i, g) for m in ("leaky", "relu") for i in (False, True) for g in (False, True)):
            for _ in range(3):
                slope = rng.choice(SLOPES) if rng.random() < 0.5 else rng.gauss(0, 1) * 10.0 ** rng.randint(-5, 1)
                slope = abs(slope) if inplace and grad else slope
                arguments = [f"--mode={mode}", *([f"--slope={slope!r}"] if mode == "leaky" else [])] + ["--inplace"] * inplace + ["--grad"] * grad
                tensors = [draw_tensor(rng, dtype) for _ in range(max(1, count // 8))]
                if dtype == "bfloat16":  # JSON Lines cannot hold a shape such as (0, 3)
                    tensors = [t for t in tensors if t.numel()]
                wanted = [(gradient if grad else forward)(t, mode, slope, inplace) for t in tensors]
                compare(f"{' '.join(arguments)} of {dtype}", stream(arguments, tensors, dtype), wanted, tensors)
    for dtype in INTEGERS:
        tensors = [draw_tensor(rng, dtype) for _ in range(count // 4)]
        got = stream(["--mode", "relu"], tensors, dtype)
        compare(f"relu of {dtype}", got, [torch.relu(t) for t in tensors], tensors)


def number_near(rng, least=-math.inf):
    return max(round(rng.gauss(0, 1) * rng.choice((0.3, 1, 4)), 4), least)


def draw_mode(rng, name):
    """The mode as rectify takes it, and the function of PyTorch."""
    a, b = number_near(rng), number_near(rng)
    low, high = min(a, b), max(a, b)
    positive = number_near(rng, 0.01)
    return {
        "relu6": ("relu6", F.relu6),
        "prelu": (f"prelu({a})", lambda x: F.prelu(x, torch.tensor([a], dtype=torch.float64).to(x.dtype))),
        "rrelu": (f"rrelu({low}, {high})", lambda x: F.rrelu(x, low, high)),
        "gelu": ("gelu", F.gelu),
        "gelu tanh": ("gelu(tanh)", lambda x: F.gelu(x, approximate="tanh")),
        "silu": ("silu", F.silu),
        "mish": ("mish", F.mish),
        "hardtanh": (f"hardtanh({low}, {high})", lambda x: F.hardtanh(x, low, high)),
        "hardswish": ("hardswish", F.hardswish),
        "hardsigmoid": ("hardsigmoid", F.hardsigmoid),
        "softplus": (f"softplus({positive}, {b})", lambda x: F.softplus(x, positive, b)),
        "softsign": ("softsign", F.softsign),
        "threshold": (f"threshold({a}, {b})", lambda x: F.threshold(x, a, b)),
        "tanhshrink": ("tanhshrink", F.tanhshrink),
        "hardshrink": (f"hardshrink({a})", lambda x: F.hardshrink(x, a)),
        "softshrink": (f"softshrink({positive})", lambda x: F.softshrink(x, positive)),
        "logsigmoid": ("logsigmoid", F.logsigmoid),
        "sigmoid": ("sigmoid", torch.sigmoid),
        "tanh": ("tanh", torch.tanh),
        "elu": (f"elu({a})", lambda x: F.elu(x, a)),
        "selu": ("selu", F.selu),
        "celu": (f"celu({positive})", lambda x: F.celu(x, positive)),
    }[name]


VALUES_DIFFER = {"elu", "selu", "celu"}  # 1.13 computes exp(x) - 1 with the loss that comes of it


def family(rng, count):
    """Each element in the body of a vector loop: PyTorch's tensors are filled up with zeros."""
    names = ["relu6", "prelu", "rrelu", "gelu", "gelu tanh", "silu", "mish", "hardtanh", "hardswish", "hardsigmoid", "softplus",
             "softsign", "threshold", "tanhshrink", "hardshrink", "softshrink", "logsigmoid", "sigmoid", "tanh", "elu", "selu", "celu"]
    for dtype in ("float32", "float64"):
        for name in names:
            if OLDER and name == "gelu" and dtype == "float64":
                continue
            for grad in (False, True):
                if OLDER and name in VALUES_DIFFER and not grad:
                    continue
                mode, function = draw_mode(rng, name)
                tensors, wanted = [], []
                for _ in range(max(2, count // 10)):
                    x = draw_floats(rng, rng.randint(1, 99), dtype)
                    if OLDER and name == "softshrink":
                        x = x.nan_to_num(nan=1.5, posinf=math.inf, neginf=-math.inf)
                    if OLDER and name == "hardswish" and grad:
                        x = torch.where(x.abs() == 3, torch.ones_like(x), x)
                    padded = torch.cat([x, torch.zeros(64 - x.numel() % 64 + 64, dtype=x.dtype)]).requires_grad_()
                    y = function(padded)
                    if grad:
                        y.backward(torch.ones_like(y))
                        y = padded.grad
                    tensors.append(x)
                    wanted.append(y.detach()[:x.numel()].clone())
                arguments = [f"--mode={mode}"] + ["--grad"] * grad
                compare(f"{' '.join(arguments)} of {dtype}", stream(arguments, tensors, dtype), wanted, tensors)
        for name in ("softmax", "softmin", "log_softmax", "glu"):
            for grad in (False, True):
                tensors, wanted = [], []
                for _ in range(max(2, count // 10)):
                    rows, columns = rng.randint(1, 4), rng.randint(1, 70)
                    if name == "glu":  # whole vectors in each half, or the C library answers
                        columns = 64 * rng.randint(1, 3)
                    x = (torch.randn(rows, columns, dtype=torch.float64) * 4).to(dtype_of(dtype)).requires_grad_()
                    y = getattr(F, name)(x, dim=-1)
                    if grad:
                        y.backward(torch.ones_like(y))
                        y = x.grad
                    tensors.append(x.detach())
                    wanted.append(y.detach())
                arguments = [f"--mode={name}"] + ["--grad"] * grad
                compare(f"{' '.join(arguments)} of {dtype}", stream(arguments, tensors, dtype), wanted, tensors)
    for dtype in FLOATS:
        for name in ("softmax", "softmin", "log_softmax"):
            for grad in (False, True):
                if OLDER and (dtype == "float16" or dtype == "bfloat16" and (grad or name == "log_softmax")):
                    continue
                for _ in range(max(2, count // 10)):
                    shape = [rng.choice((1, 2, 3, 5, 8, 9, 13, 16, 17, 26, 33, 40)) for _ in range(rng.randint(1, 3))]
                    dim = rng.randrange(len(shape))
                    x = (torch.randn(shape, dtype=torch.float64) * 4).to(dtype_of(dtype)).requires_grad_()
                    y = getattr(F, name)(x, dim=dim)
                    if grad:
                        y.backward(torch.ones_like(y))
                        y = x.grad
                    arguments = [f"--mode={name}({dim})"] + ["--grad"] * grad
                    compare(f"{' '.join(arguments)} of {dtype}, {shape}", stream(arguments, [x.detach()], dtype), [y.detach()], [x.detach()])
    for dtype in ("float32", "float64"):
        for seed in range(5):
            x = draw_floats(rng, 37, dtype).nan_to_num(nan=0.0)
            torch.manual_seed(seed)
            wanted = F.rrelu(x, 0.1, 0.6, training=True)
            compare(f"rrelu in training of {dtype}, seed {seed}",
                    stream(["--mode=rrelu(0.1, 0.6, training)", f"--seed={seed}"], [x], dtype), [wanted], [x])


def draw_options(rng):
    options = {}
    for name, low, high in (("precision", 0, 9), ("threshold", 0, 60), ("edgeitems", 0, 5), ("linewidth", 10, 130)):
        if rng.random() < 0.4:
            options[name] = rng.randint(low, high)
    if rng.random() < 0.3:
        options["sci_mode"] = rng.random() < 0.5
    if rng.random() < 0.3:
        options["profile"] = rng.choice(("default", "short", "full"))
    return options


def printing(rng, count):
    for dtype in FLOATS + INTEGERS:
        for round_ in range(6):
            options = draw_options(rng) if round_ else {}
            spelled = {name: ("off", "on")[value] if name == "sci_mode" else value for name, value in options.items()}
            flags = [f"--{name.replace('_', '-')}={value}" for name, value in spelled.items()]
            tensors = [draw_tensor(rng, dtype) for _ in range(count // 6)]
            if dtype == "bfloat16":
                tensors = [t for t in tensors if t.numel()]
                source = ["--from", "jsonl", "--dtype", dtype]
                data = "".join(as_json(t) + "\n" for t in tensors).encode()
            else:
                source, data = ["--from", "npy"], b"".join(map(as_npy, tensors))
            # relu leaves what is not negative alone, so that both sides see the same values
            text = rectify(["-", *source, "--mode", "relu", *flags], data).decode()
            at = 0
            for tensor in tensors:
                wanted = printed(forward(tensor, "relu", 0), options)
                ok = text.startswith(wanted, at)
                check(f"printing {dtype} {' '.join(flags)}", ok,
                      f"input {as_json(tensor)[:2000]} shape {tuple(tensor.shape)}", "expected", wanted,
                      "got", text[at:at + len(wanted) + 40])
                if not ok:
                    break
                at += len(wanted)


def written_texts(rng, count):
    """Text out reads back as the same bits, by Python's float and by rectify."""
    for dtype in FLOATS:
        values = torch.cat([draw_floats(rng, 40, dtype) for _ in range(count // 4)])
        data = as_json(values).encode()
        arguments = ["--dtype", dtype, "--slope", "1"]
        document = rectify(["-", *arguments, "--to", "json"], data)
        lines = rectify(["-", *arguments, "--to", "csv"], data)
        again = rectify(["-", "--from", "csv", *arguments, "--to", "csv"], lines)
        check(f"{dtype} as json", equal(narrowed(loads(document), dtype), values))
        check(f"{dtype} as csv", equal(narrowed([float(line) for line in lines.split()], dtype), values))
        check(f"{dtype} csv to csv", again == lines)


def draw_number(rng):
    digits = "".join(rng.choice("0123456789") for _ in range(rng.randint(1, 25)))
    kind = rng.randrange(4)
    if kind == 0:
        return (digits.lstrip("0") or "0")
    if kind == 1:
        return repr(struct.unpack("<d", rng.randbytes(8))[0]).replace("nan", "NaN").replace("inf", "Infinity")
    point = rng.randrange(len(digits))
    exponent = f"e{rng.randint(-50, 42)}" if kind == 2 else ""
    return (digits[:point].lstrip("0") or "0") + "." + digits[point:] + exponent


def draw_literal(rng, shape):
    if not shape:
        number = draw_number(rng).lstrip("-")
        return rng.choice(("", "", "-")) * (number != "NaN") + number
    return "[" + rng.choice((",", ", ", " , ")).join(draw_literal(rng, shape[1:]) for _ in range(shape[0])) + "]"


def literals(rng, count):
    for dtype in FLOATS:
        texts = [draw_literal(rng, draw_shape(rng, empty=False)[:3]) for _ in range(count)]
        data = "".join(text + "\n" for text in texts).encode()
        to = ["--to", "jsonl"] if dtype == "bfloat16" else ["--to", "npy"]
        output = rectify(["-", "--from", "jsonl", "--dtype", dtype, "--slope", "1", *to], data)
        if dtype == "bfloat16":
            got = [narrowed(loads(line), dtype) for line in output.splitlines()]
        else:
            got = from_npy(output)
        wanted = []
        for text in texts:
            values = json.loads(text)
            if dtype == "float32" and isinstance(values, list):
                wanted.append(torch.Tensor(values))
            else:
                wanted.append(torch.tensor(values, dtype=dtype_of(dtype)))
        compare(f"literals as {dtype}", got, wanted, texts)
    for text in (draw_literal(rng, draw_shape(rng, empty=False)[:2]) for _ in range(20)):
        values = json.loads(text)
        wanted = torch.Tensor(values) if isinstance(values, list) else torch.tensor(values, dtype=torch.float32)
        if len(text) < 4000:
            got = rectify([f"--tensor={text}", "--slope", "1"]).decode()
            text_wanted = printed(wanted, {})
            check("--tensor", got == text_wanted, f"input {text}", f"expected {text_wanted}", f"got {got}")


def words(seed, count):
    return [int(w) for w in np.random.RandomState(seed & 0xFFFFFFFF).randint(0, 2**32, size=count, dtype=np.uint32)]


def small_doubles(seed, n):
    """float64, fewer than 16 values, as 2.14 draws them."""
    w = words(seed, 2 * n + 2)
    u = [((a << 32 | b) & (1 << 53) - 1) * 2.0**-53 for a, b in zip(w[::2], w[1::2])]
    values = []
    for u1, u2 in zip(u[::2], u[1::2]):
        r, theta = math.sqrt(-2.0 * math.log1p(-u2)), 2.0 * math.pi * u1
        values += [r * math.cos(theta), r * math.sin(theta)]
    return torch.tensor(values[:n], dtype=torch.float64)


def large_halves(n, dtype):
    """16 bits, 16 values or more, as 2.14 draws them: float32's of whole blocks of 16, the last moved over the end."""
    values = torch.randn(n // 16 * 16 + 16 * (n % 16 != 0))
    if n % 16:
        values = torch.cat([values[:n - 16], values[-16:]])
    return values.to(dtype_of(dtype))


def draws(rng, count):
    for _ in range(max(20, count // 3)):
        dtype = rng.choice(("float32", "float32", *FLOATS))
        seed = rng.randint(-2**63, 2**64 - 1) if rng.random() < 0.3 else rng.randrange(10**5)
        shape = draw_shape(rng)
        n = math.prod(shape)
        torch.manual_seed(seed if seed < 2**63 else seed - 2**64)
        if dtype == "float64" and 0 < n < 16 and differs("randn of float64 below 16 values"):
            wanted = small_doubles(seed, n).reshape(shape)
        elif dtype in ("float16", "bfloat16") and n >= 16 and differs("randn of 16 bits from 16 values on"):
            wanted = large_halves(n, dtype).reshape(shape)
        else:
            wanted = torch.randn(shape, dtype=dtype_of(dtype))
        arguments = [f"--randn={','.join(map(str, shape)) or '()'}", f"--seed={seed}", "--dtype", dtype, "--slope", "1"]
        if dtype == "bfloat16":
            wanted = wanted if n else torch.empty(0, dtype=torch.bfloat16)  # JSON cannot hold a shape such as (0, 3)
            got = narrowed(loads(rectify([*arguments, "--to", "json"])), dtype)
            got = got if n else got.reshape(-1)
        else:
            got = (from_npy(rectify([*arguments, "--to", "npy"])) or [torch.empty(0)])[0]
        check(" ".join(arguments), equal(got, wanted), f"expected {wanted!r}", f"got      {got!r}")


def real_data():
    """The hidden units of a small network, as a user would pass them."""
    table = torch.from_numpy(np.loadtxt(DATA / "digits.csv", delimiter=",", skiprows=1)).float()
    header = (DATA / "digits.csv").read_text().splitlines()[0]
    check("rectify digits.csv", rectify([str(DATA / "digits.csv")]).decode() == printed(F.leaky_relu(table), {}))
    with tempfile.TemporaryDirectory(prefix="rectify-torch-") as folder:
        for name in ("layer1.npy", "layer2.npy"):
            source, out = DATA / name, pathlib.Path(folder) / "out.npy"
            before = source.read_bytes()
            rectify([str(source), "-o", str(out)])
            wanted = as_npy(F.leaky_relu(torch.from_numpy(np.load(source))))
            check(f"{name} -o out.npy", out.exists() and out.read_bytes() == wanted)
            check(f"{name} is unchanged", source.read_bytes() == before)
    lines = rectify([str(DATA / "digits.csv"), "--to", "csv"])
    check("the header of digits.csv", lines.decode().splitlines()[:1] == [header])
    document = loads(rectify(["-", "--mode", "relu", "--to", "json"], lines))
    check("digits.csv --to csv | rectify - --mode relu --to json",
          equal(torch.tensor(document, dtype=torch.float64).float(), torch.relu(F.leaky_relu(table))))
    layer = torch.from_numpy(np.load(DATA / "layer1.npy"))
    for mode in ("relu", "leaky"):
        got = from_npy(rectify([str(DATA / "layer1.npy"), "--grad", "--mode", mode, "--to", "npy"]))
        check(f"layer1.npy --grad --mode {mode}", got and equal(got[0], gradient(layer, mode, 0.01)))


def main():
    seed = int(sys.argv[2]) if len(sys.argv) > 2 else 1
    count = int(sys.argv[3]) if len(sys.argv) > 3 else 300
    torch.set_num_threads(1)
    rng = random.Random(seed)
    activations(rng, count)
    family(rng, count)
    printing(rng, count)
    written_texts(rng, count)
    literals(rng, count)
    draws(rng, count)
    real_data()
    print(f"PyTorch {torch.__version__}, seed {seed}: {passed} passed, {failed} failed")
    for kind, count in by_rule.items():
        if count:
            print(f"  not asked, as this release differs from 2.14, but computed by 2.14's rule: {kind}, {count} tensors"
                  f" ({BY_RULE[kind]})")
    return 1 if failed else 0


if __name__ == "__main__":
    if not 2 <= len(sys.argv) <= 4:
        sys.exit(__doc__)
    BINARY = str(pathlib.Path(sys.argv[1]).resolve())
    sys.exit(main())

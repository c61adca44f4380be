"""The figures of `rectify compare`, from their definitions, in exact arithmetic.

figures() takes the values of a tensor as Python floats (which hold every value of the floating-point dtypes) or ints
and gives what compare.schema.json calls a tensor, but for its source and names: undefined figures are None, those
that are not finite are "NaN", "Infinity" or "-Infinity". Sums are fractions, rounded once at the end. relu, leaky and
relu6 are made here; of other activations the caller knows the values and the gradients.
"""
import math
import struct
from fractions import Fraction

FLOATS = ("float16", "bfloat16", "float32", "float64")


# ---------------------------------------------------------------- dtypes

def packed(value, code):
    """To the nearest value of struct's type, ties to even, beyond the range to infinity."""
    try:
        return struct.unpack(code, struct.pack(code, value))[0]
    except OverflowError:
        return math.copysign(math.inf, value)


def to_bfloat16(value):
    """From a float32, as PyTorch rounds."""
    if math.isnan(value) or math.isinf(value):
        return value
    bits = struct.unpack("<I", struct.pack("<f", value))[0]
    bits = (bits + 0x7FFF + (bits >> 16 & 1)) >> 16 << 16
    return struct.unpack("<f", struct.pack("<I", bits))[0]


def rounded(value, dtype):
    """A double as a value of the dtype, through float32 for the 16-bit ones, as PyTorch goes."""
    if dtype == "float64":
        return value
    value = packed(value, "<f")
    return packed(value, "<e") if dtype == "float16" else to_bfloat16(value) if dtype == "bfloat16" else value


def slope_in(slope, dtype):
    """What kernels multiply by: 16-bit dtypes are computed in float32."""
    return slope if dtype == "float64" else packed(slope, "<f")


def value_and_gradient(mode, slope, dtype, x):
    if mode == "relu6":
        return (x, 1) if 0 < x < 6 else (6 if x > 0 else 0, 0)
    if x > 0:
        return x, 1
    if mode == "relu":
        return 0, 0
    slope = slope_in(slope, dtype)
    # The product of two float32 is exact in a double, so that it is rounded once.
    return rounded(x * slope, dtype), rounded(slope, dtype)


# ---------------------------------------------------------------- rounding

def nearest(number):
    """The double nearest to a fraction; a figure is never -0.0."""
    if number is None:
        return None
    try:
        return float(number) + 0.0
    except OverflowError:
        return math.inf if number > 0 else -math.inf


def square_root(number):
    """The double nearest to a fraction's square root."""
    if number == 0:
        return 0.0
    # As many bits as make a root of 66 of them; what is left over only matters in being there.
    shift = 132 - (number.numerator.bit_length() - number.denominator.bit_length())
    shift += shift & 1
    quotient, rest = divmod(number.numerator << max(shift, 0), number.denominator << max(-shift, 0))
    root = math.isqrt(quotient)
    exact = rest == 0 and root * root == quotient
    return nearest(Fraction(2 * root + (not exact)) / Fraction(2) ** (shift // 2 + 1))


def shown(figure):
    """As JSON has it."""
    if isinstance(figure, float) and not math.isfinite(figure):
        return "NaN" if math.isnan(figure) else "Infinity" if figure > 0 else "-Infinity"
    return figure


# ---------------------------------------------------------------- figures

def share(part, whole):
    return None if whole == 0 else part / whole


def special_sum(values):
    """The sum of values that are not all finite, or None if they are."""
    special = [y for y in values if not math.isfinite(y)]
    return math.fsum(special) if special and not (math.inf in special and -math.inf in special) else \
        math.nan if special else None


def mean(values):
    """Rounded once."""
    special = special_sum(values)
    return special if special is not None else nearest(sum(map(Fraction, values)) / len(values)) if values else None


def group(inputs, outputs, gradients, baseline, dtype):
    """The figures of some values x, y = f(x) and g = f'(x). `baseline`: its y, or None."""
    known = [i for i, value in enumerate(inputs) if value == value]
    x, y, g = ([values[i] for i in known] for values in (inputs, outputs, gradients))
    k = len(x)
    figures = {
        "n": len(inputs), "nan": len(inputs) - k, "active_frac": share(sum(value > 0 for value in x), k),
        "zero_frac": share(sum(value == 0 for value in y), k), "live_frac": share(sum(value != 0 for value in g), k),
        "grad_mean": mean(g), "min": None, "max": None, "mean": None,
        "std": None, "mean_abs": None, "differs": None, "max_abs_diff": None}
    magnitude = None  # the exact mean of |y|
    if k:
        is_nan = any(value != value for value in y)
        figures["min"] = math.nan if is_nan else min(y) + 0
        figures["max"] = math.nan if is_nan else max(y) + 0
        if dtype in FLOATS:
            figures["min"], figures["max"] = figures["min"] + 0.0, figures["max"] + 0.0
        special = special_sum(y)
        if special is not None:
            figures["mean"] = special
            figures["std"] = math.nan if k > 1 else None
            figures["mean_abs"] = math.nan if is_nan else math.inf
        else:
            exact = list(map(Fraction, y))
            total = sum(exact)
            magnitude = sum(map(abs, exact)) / k
            figures["mean"] = nearest(total / k)
            figures["mean_abs"] = nearest(magnitude)
            if k > 1:
                figures["std"] = square_root((sum(value * value for value in exact) - total * total / k) / (k - 1))
    if baseline is not None:
        differences = []
        for result, other in zip(y, (baseline[i] for i in known)):
            if result == other or (result != result and other != other):
                continue
            if math.isfinite(result) and math.isfinite(other):
                differences.append(nearest(abs(Fraction(result) - Fraction(other))))
            else:
                differences.append(abs(result - other))
        figures["differs"] = len(differences)
        if k:
            figures["max_abs_diff"] = math.nan if any(d != d for d in differences) else max(differences, default=0.0)
    return figures, magnitude


def dormancies(figures, magnitudes):
    means = [each["mean_abs"] for each in figures if each["mean_abs"] is not None]
    if any(mean != mean for mean in means):
        return [None if each["mean_abs"] is None else math.nan for each in figures]
    if math.inf in means:
        return [None if each["mean_abs"] is None else math.nan if each["mean_abs"] == math.inf else 0.0
                for each in figures]
    known = [magnitude for magnitude in magnitudes if magnitude is not None]
    if not any(known):
        return [None] * len(figures)
    mean = sum(known) / len(known)
    return [None if magnitude is None else nearest(magnitude / mean) for magnitude in magnitudes]


def units_of(count, shape, unit_axis):
    """The axis counted from the first, and the places of each unit's values among `count`."""
    if unit_axis is None or len(shape) < 2:
        return None, [range(count)]
    axis = unit_axis % len(shape)
    inner = math.prod(shape[axis + 1:])
    units = [[] for _ in range(shape[axis])]
    for i in range(count):
        units[i // inner % shape[axis]].append(i)
    return axis, units


def figures(values, shape, dtype, modes=("relu", "leaky"), slopes=(0.01,), unit_axis=-1, dead_below=0.0, others=None,
            dormant_below=0.025):
    """What the tensor's report must say, per unit, too. `others`: of a mode that is not known here what the report
    says of it ("mode", "parameters"), its values and its gradients."""
    axis, units = units_of(len(values), shape, unit_axis)
    candidates = []
    for mode in modes:
        if others and mode in others:
            candidates.append(others[mode])
            continue
        for slope in slopes if mode == "leaky" else (None,):
            pairs = [value_and_gradient(mode, slope, dtype, value) if value == value else (value, 0) for value in values]
            candidates.append(({"mode": mode, **({} if slope is None else {"slope": slope})},
                               [y for y, _ in pairs], [g for _, g in pairs]))
    report = {
        "dtype": dtype, "shape": list(shape), "unit_axis": axis, "units": len(units),
        "input": {"n": len(values), "nan": sum(x != x for x in values),
                  "inf": sum(x == x and abs(x) == math.inf for x in values), "positive": sum(x > 0 for x in values),
                  "zero": sum(x == 0 for x in values), "negative": sum(x < 0 for x in values)},
        "activations": []}
    for c, (said, y, g) in enumerate(candidates):
        baseline = candidates[0][1] if c else None
        of_all, _ = group(values, y, g, baseline, dtype)
        per_unit, magnitudes = [], []
        for index, unit in enumerate(units):
            x_of, y_of, g_of, b_of = ([of[i] for i in unit] if of else of for of in (values, y, g, baseline))
            of_unit, magnitude = group(x_of, y_of, g_of, b_of, dtype)
            of_unit["dead"] = of_unit["live_frac"] is not None and of_unit["live_frac"] <= dead_below
            per_unit.append({"unit": index, **of_unit})
            magnitudes.append(magnitude)
        for each, dormancy in zip(per_unit, dormancies(per_unit, magnitudes)):
            each["dormancy"] = dormancy
        dead = [each["unit"] for each in per_unit if each["dead"]]
        report["activations"].append({
            **said, **of_all, "dead_units": len(dead),
            "dead_frac": share(len(dead), len(units)), "dead_at": dead,
            # Where all are silent, none has a dormancy, and all are dormant.
            "dormant_units": sum(each["n"] != each["nan"] and (each["dormancy"] is None or each["dormancy"] <= dormant_below)
                                 for each in per_unit),
            "linear_units": sum(each["active_frac"] == 1 for each in per_unit),
            "per_unit": [{name: shown(figure) for name, figure in each.items()} for each in per_unit]})
        report["activations"][-1] = {name: shown(figure) for name, figure in report["activations"][-1].items()}
    return report

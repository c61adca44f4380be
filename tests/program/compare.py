"""`rectify compare` against its contract: figures against an exact reference (reference.py), documents against
compare.schema.json, reports that are the same bytes however the input came and was divided, exit codes, partial files
that are wrong, tables, CSV and plots.
"""
import csv
import io
import json
import math
import os
import pathlib
import pty
import random
import re
import select
import shutil
import subprocess
import time
import unicodedata
import xml.etree.ElementTree

import harness
import reference
from harness import ENVIRONMENT, SECONDS, UNSAFE, Fault, Skip, need, row, short

try:
    import jsonschema
except ImportError:
    jsonschema = None

HERE = pathlib.Path(__file__).resolve().parent
LAYER = str(HERE.parent.parent / "samples" / "data" / "layer1.npy")
SCHEMA = json.loads((HERE / "compare.schema.json").read_text(encoding="utf-8"))
SEED = 0


def begin(options):
    global SEED
    SEED = options.seed


# ---------------------------------------------------------------- the schema

def schema_faults(value, schema, where="document"):
    """What of the schema does not hold; the keywords that compare.schema.json uses."""
    if "$ref" in schema:
        schema = SCHEMA["$defs"][schema["$ref"].rsplit("/", 1)[1]]
    kinds = {"null": value is None, "boolean": isinstance(value, bool), "string": isinstance(value, str),
             "integer": isinstance(value, int) and not isinstance(value, bool),
             "number": isinstance(value, (int, float)) and not isinstance(value, bool),
             "array": isinstance(value, list), "object": isinstance(value, dict)}
    allowed = schema.get("type", [])
    allowed = [allowed] if isinstance(allowed, str) else allowed
    if allowed and not any(kinds[name] for name in allowed):
        return [f"{where} is {short(value)}, no {' or '.join(allowed)}"]
    faults = []
    if "const" in schema and value != schema["const"]:
        faults.append(f"{where} is {short(value)}")
    if "enum" in schema and value not in schema["enum"]:
        faults.append(f"{where} is {short(value)}")
    if "pattern" in schema and isinstance(value, str) and not re.search(schema["pattern"], value):
        faults.append(f"{where} is {short(value)}")
    if kinds["number"]:
        if value < schema.get("minimum", value) or value > schema.get("maximum", value):
            faults.append(f"{where} is {value}")
    if kinds["array"]:
        if len(value) < schema.get("minItems", 0):
            faults.append(f"{where} is too short")
        for i, item in enumerate(value):
            faults += schema_faults(item, schema.get("items", {}), f"{where}[{i}]")
    if kinds["object"]:
        faults += [f"{where} has no {name}" for name in schema.get("required", []) if name not in value]
        properties = schema.get("properties", {})
        for name, item in value.items():
            if name in properties:
                faults += schema_faults(item, properties[name], f"{where}.{name}")
            elif schema.get("additionalProperties", True) is False:
                faults.append(f"{where} has {name}")
            elif isinstance(schema.get("additionalProperties"), dict):
                faults += schema_faults(item, schema["additionalProperties"], f"{where}.{name}")
    for each in schema.get("allOf", []):
        faults += schema_faults(value, each, where)
    if "oneOf" in schema and sum(not schema_faults(value, each, where) for each in schema["oneOf"]) != 1:
        faults.append(f"{where} is none of the alternatives")
    return faults


def strict(text):
    """A document that every JSON reader takes, and that follows the schema."""
    def refuse(word):
        raise Fault(f"{word} is no JSON: {short(text)}")

    def once(pairs):
        need(len({name for name, _ in pairs}) == len(pairs), "a member twice:", short(pairs))
        return dict(pairs)

    document = json.loads(text.decode("utf-8"), parse_constant=refuse, object_pairs_hook=once)
    faults = schema_faults(document, SCHEMA)
    need(not faults, "against the schema:", "; ".join(faults[:3]))
    if jsonschema is not None:
        try:
            jsonschema.validate(document, SCHEMA)
        except jsonschema.ValidationError as error:
            raise Fault(f"against the schema: {error.message}") from None
    return document


# ---------------------------------------------------------------- running


class Scratch(harness.Scratch):
    def run(self, *arguments, data=None, before="", **environment):
        return super().run("compare", *arguments, data=data, before=before, env={**ENVIRONMENT, **environment})

    def report(self, *arguments, **how):
        """The only tensor of the document that a call gives."""
        document = strict(self.result(*arguments, "--to", "json", "--per-unit", **how))
        need(len(document["tensors"]) == 1, f"{len(document['tensors'])} tensors")
        return document["tensors"][0]

    def partials(self, count, name, *options):
        """Files of the partial figures of the parts."""
        files = []
        for k in range(1, count + 1):
            files.append(f"{count}.{k}.part")
            self.write(files[-1], self.result("--partial", "--part", f"{k}/{count}", name, *options))
        return files


# ---------------------------------------------------------------- inputs

DESCR = {"float16": "<f2", "float32": "<f4", "float64": "<f8", "int8": "|i1", "int16": "<i2", "int32": "<i4",
         "int64": "<i8", "uint8": "|u1"}


def npy(values, shape, dtype):
    return harness.npy(shape, values, DESCR[dtype])


def text_of(value):
    return "nan" if value != value else repr(value)


def csv_of(values, columns, names=()):
    lines = [",".join(names)] if names else []
    lines += [",".join(map(text_of, values[i:i + columns])) for i in range(0, len(values), columns)]
    return ("\n".join(lines) + "\n").encode()


def jsonl_of(values, columns):
    lines = (json.dumps(values[i:i + columns]) for i in range(0, len(values), columns))
    return ("\n".join(lines) + "\n").encode()


def random_value(source, dtype, kind):
    if dtype not in reference.FLOATS:
        half = 1 << int(dtype.lstrip("uint")) - 1
        low, high = (0, 2 * half - 1) if dtype == "uint8" else (-half, half - 1)
        return source.choice((0, 1, low, high, source.randint(low, high), source.randint(max(low, -9), 9)))
    if kind == "odd" and source.random() < 0.2:
        return source.choice((math.nan, math.inf, -math.inf))
    low, high = {"float16": (-24, 15), "bfloat16": (-133, 127), "float32": (-149, 127), "float64": (-1074, 1023)}[dtype]
    scale = source.choice((0, 0, 0, 2, -3, source.randint(low, high), low + 3, high))
    value = source.choice((1.0, source.uniform(1, 2), source.gauss(0, 1), 0.0)) * math.ldexp(1.0, scale)
    value *= source.choice((1, -1))
    value = reference.rounded(value, dtype)
    if math.isinf(value) and kind != "odd":
        value = 1.0
    return -abs(value) if kind == "dead" else abs(value) or 1.0 if kind == "linear" else value


def random_tensor(source, dtype):
    """Values, shape and options."""
    shape = source.choice(([source.randint(1, 40), source.randint(1, 6)], [source.randint(1, 30)],
                           [source.randint(1, 9), source.randint(1, 5), source.randint(1, 5)], [1, source.randint(1, 9)],
                           [source.randint(2, 9), 1]))
    axis = source.choice((-1, -1, -1, None, len(shape) - 1, 1 if len(shape) > 1 else -1, 0 if len(shape) > 1 else -1))
    units = shape[axis] if axis is not None and len(shape) > 1 else 1
    kinds = [source.choice(("plain", "plain", "odd", "dead", "linear", "nan")) for _ in range(units)]
    inner = math.prod(shape[axis % len(shape) + 1:]) if axis is not None else 1
    values = []
    for i in range(math.prod(shape)):
        kind = kinds[i // inner % units]
        nan = kind == "nan" and dtype in reference.FLOATS
        values.append(math.nan if nan else random_value(source, dtype, kind))
    return values, shape, axis


# ---------------------------------------------------------------- figures

def same_figure(got, wanted):
    if type(got) is not type(wanted):
        return False
    return got == wanted and (not isinstance(got, float) or math.copysign(1, got) == math.copysign(1, wanted))


def check_figures(got, wanted, where):
    for name, value in wanted.items():
        need(name in got, where, "has no", name)
        if name == "per_unit":
            need(len(got[name]) == len(value), where, "has", len(got[name]), "units")
            for each, expected in zip(got[name], value):
                check_figures(each, expected, f"{where}, unit {expected['unit']}")
        elif name == "activations":
            need(len(got[name]) == len(value), where, "has", len(got[name]), "activations")
            for each, expected in zip(got[name], value):
                check_figures(each, expected, f"{where}, {expected['mode']} {expected.get('slope', '')}")
        elif name == "input":
            check_figures(got[name], value, f"{where}, input")
        else:
            need(same_figure(got[name], value), f"{where}: {name} is {got[name]!r}, expected {value!r}")


def check_random(s, dtype, count):
    source = random.Random(f"{SEED} {dtype}")
    for trial in range(count):
        values, shape, axis = random_tensor(source, dtype)
        floating = dtype in reference.FLOATS
        modes = source.choice((["relu", "leaky"], ["leaky", "relu"], ["leaky"], ["relu"], ["relu", "relu6"],
                               ["relu6", "leaky"], ["leaky", "relu6", "relu"]))
        if not floating:
            modes = source.choice((["relu"], ["relu", "relu6"], ["relu6"]))
        slopes = source.choice(([0.01], [0.01, 0.2], [0.0], [-0.5, 1.0], [1e-7], [3.0, 0.01]))
        dead_below = source.choice((0.0, 0.0, 0.05, 0.5, 1.0))
        dormant_below = source.choice((0.025, 0.025, 0.0, 0.5, 1.0, 3.0))
        wanted = reference.figures(values, shape, dtype, modes, slopes, axis, dead_below, None, dormant_below)
        options = ["--mode", ",".join(modes), "--dead-below", repr(dead_below)]
        if dormant_below != 0.025:
            options += ["--dormant-below", repr(dormant_below)]
        if "leaky" in modes:
            options += ["--slope", ",".join(map(repr, slopes))]
        options += ["--unit-axis", "none" if axis is None else str(axis), "--threads", source.choice("12")]
        if dtype in DESCR and source.random() < 0.7:
            got = s.report(s.write("in.npy", npy(values, shape, dtype)), *options)
        else:  # text goes through a double, which holds every value exactly
            if len(shape) == 1:
                rows_of_text = values
            else:
                rows_of_text = values
                for size in reversed(shape[1:]):
                    rows_of_text = [rows_of_text[i:i + size] for i in range(0, len(rows_of_text), size)]
            got = s.report("--from", "json", "--dtype", dtype, *options, data=json.dumps(rows_of_text).encode())
        check_figures(got, wanted, f"{dtype} {shape}, trial {trial}, {' '.join(options)}, values {short(values, 200)}")


@row
def float32_figures_are_exact(s):
    check_random(s, "float32", 60)


@row
def float64_figures_are_exact(s):
    check_random(s, "float64", 50)


@row
def float16_figures_are_exact(s):
    check_random(s, "float16", 50)


@row
def bfloat16_figures_are_exact(s):
    check_random(s, "bfloat16", 50)


@row
def integer_figures_are_exact(s):
    for dtype in ("int8", "int16", "int32", "int64", "uint8"):
        check_random(s, dtype, 12)


def outputs_of(s, mode, name, dtype, *options):
    """What the program itself makes of a file, which other tests compare with PyTorch: values and gradients."""
    lists = []
    for more in ([], ["--grad"]):
        flat = json.loads(harness.Scratch(s.path).result("--mode", mode, "--to", "json", *more, *options, name))
        while flat and isinstance(flat[0], list):
            flat = [value for row_of_values in flat for value in row_of_values]
        lists.append([reference.rounded(value, dtype) for value in flat])
    return lists


OTHERS = {"elu": {"mode": "elu", "parameters": {"alpha": 1.0}},
          "elu(alpha=-0.5)": {"mode": "elu", "parameters": {"alpha": -0.5}},
          "softmax": {"mode": "softmax", "parameters": {"dim": -1}},
          "softmax(dim=0)": {"mode": "softmax", "parameters": {"dim": 0}}}


@row
def figures_of_any_activation_are_those_of_its_values_and_gradients(s):
    source = random.Random(SEED)
    for dtype in reference.FLOATS:
        for trial in range(8):
            values, shape, axis = random_tensor(source, dtype)
            modes = source.choice((["relu", "elu"], ["elu(alpha=-0.5)", "leaky", "relu6"], ["softmax", "relu"],
                                   ["relu6", "softmax(dim=0)", "elu"]))
            nested = values
            for size in reversed(shape[1:]):
                nested = [nested[i:i + size] for i in range(0, len(nested), size)]
            name = s.write("in.json", json.dumps(nested).encode())
            others = {mode: (OTHERS[mode], *outputs_of(s, mode, name, dtype, "--dtype", dtype))
                      for mode in modes if mode in OTHERS}
            wanted = reference.figures(values, shape, dtype, modes, unit_axis=axis, others=others)
            for threads in "12":
                got = s.report(name, "--dtype", dtype, "--mode", ",".join(modes), "--threads", threads, "--unit-axis",
                               "none" if axis is None else str(axis))
                check_figures(got, wanted, f"{dtype} {shape}, trial {trial}, {modes}, values {short(values, 200)}")


@row
def a_larger_layer_has_exact_figures_of_any_activation(s):
    source = random.Random(SEED)
    values = [reference.rounded(source.gauss(-0.5, 2), "float32") for _ in range(3000 * 7)]
    name = s.write("in.npy", npy(values, [3000, 7], "float32"))
    others = {mode: (said, *outputs_of(s, mode, name, "float32")) for mode, said in OTHERS.items()}
    modes = ["relu", "relu6", "leaky", *OTHERS]
    got = s.report(name, "--mode", ",".join(modes))
    check_figures(got, reference.figures(values, [3000, 7], "float32", modes, others=others), "3000 x 7")


@row
def a_larger_layer_has_exact_figures(s):
    source = random.Random(SEED)
    values = [reference.rounded(source.gauss(-0.5, 2), "float32") for _ in range(3000 * 7)]
    got = s.report(s.write("in.npy", npy(values, [3000, 7], "float32")))
    check_figures(got, reference.figures(values, [3000, 7], "float32"), "3000 x 7")


@row
def images_have_their_channel_axis(s):
    source = random.Random(SEED)
    values = [reference.rounded(source.gauss(0, 2), "float32") for _ in range(4 * 3 * 5 * 5)]
    got = s.report(s.write("in.npy", npy(values, [4, 3, 5, 5], "float32")), "--unit-axis", "1")
    check_figures(got, reference.figures(values, [4, 3, 5, 5], "float32", unit_axis=1), "4 x 3 x 5 x 5")


@row
def sums_that_cancel_are_exact(s):
    # In doubles, one after the other, these sums are 0 or off by far.
    for values in ([1e30, 1.0, -1e30, 1.0] * 3, [2.0**120, 2.0**-120, -(2.0**120)], [0.1] * 10, [3.4e38] * 5):
        values = [reference.rounded(value, "float32") for value in values]
        got = s.report("--slope", "1", s.write("in.npy", npy(values, [len(values)], "float32")))
        check_figures(got, reference.figures(values, [len(values)], "float32", slopes=[1.0]), short(values))
    values = [1.7e308, -1.7e308, 5e-324, 1.0] * 2
    got = s.report("--slope", "1", s.write("in.npy", npy(values, [2, 4], "float64")))
    check_figures(got, reference.figures(values, [2, 4], "float64", slopes=[1.0]), short(values))


@row
def nothing_gives_null(s):
    for shape in ([0], [0, 3], [3, 0], [0, 3, 4], [2, 0, 4]):
        got = s.report(s.write("in.npy", npy([], shape, "float32")))
        check_figures(got, reference.figures([], shape, "float32"), shape)
        need(got["activations"][0]["mean"] is None and got["activations"][0]["active_frac"] is None, short(got))
    got = s.report(s.write("in.npy", npy([math.nan] * 6, [2, 3], "float32")))
    check_figures(got, reference.figures([math.nan] * 6, [2, 3], "float32"), "NaN alone")
    need(got["activations"][0]["dead_units"] == 0, "NaN is never dead")
    for shape in ([0, 3], [3, 0]):
        for to in ("table", "csv", "tsv", "jsonl"):
            s.result(s.write("in.npy", npy([], shape, "float32")), "--to", to, "--per-unit")
    got = s.report("--tensor", "-3")
    check_figures(got, reference.figures([-3.0], [], "float32"), "a number alone")


@row
def integers_need_relu(s):
    s.write("in.npy", npy([1, -2, 3, 4], [2, 2], "int64"))
    s.run("in.npy").refuses("in.npy: .*(?=.*--mode relu)(?=.*--dtype)|in.npy: .*--mode relu.*--dtype")


# ---------------------------------------------------------------- the same bytes

def activations_file(s, name="acts.csv", lines=400, columns=5, seed=1, header=True):
    source = random.Random(seed)
    values = []
    for i in range(lines * columns):
        value = source.gauss(-1, 3) if source.random() > 0.02 else source.choice((0.0, -0.0, math.nan, math.inf))
        values.append(-abs(value) if i % columns == 2 and value == value else reference.rounded(value, "float32"))
    names = [f"u{i}" for i in range(columns)] if header else ()
    s.write(name, csv_of(values, columns, names))
    return values


FORMATS = (["--to", "json", "--per-unit"], ["--to", "csv", "--per-unit"], ["--to", "table"], ["--to", "jsonl"])


@row
def parts_merged_in_any_order_give_the_undivided_report(s):
    activations_file(s)
    source = random.Random(SEED)
    wanted = [s.result("acts.csv", *to) for to in FORMATS]
    for count in (1, 3, 7, 64):
        files = s.partials(count, "acts.csv", "--threads", "2")
        for to, whole in zip(FORMATS, wanted):
            source.shuffle(files)
            need(s.result("--merge", *files, *to) == whole, count, "parts", to)


@row
def parts_of_every_format_and_axis_merge(s):
    source = random.Random(SEED)
    values = [reference.rounded(source.gauss(0, 2), "float32") for _ in range(20 * 4 * 3)]
    s.write("a.npy", npy(values, [20, 4, 3], "float32"))
    s.write("a.jsonl", jsonl_of(values, 3))
    s.write("a.csv", csv_of(values, 6))
    s.write("v.npy", npy(values, [240], "float32"))
    for arguments in (["a.npy"], ["a.npy", "--unit-axis", "1"], ["a.npy", "--unit-axis", "none"], ["a.jsonl"], ["a.csv"],
                      ["v.npy"], ["a.csv", "--mode", "relu,elu,relu6"], ["a.npy", "--mode", "softmax,leaky"],
                      ["a.csv", "--dtype", "float16", "--slope", "0.01,0.2,-1"], ["a.csv", "--mode", "leaky"],
                      ["a.csv", "--mode", "leaky,relu", "--dead-below", "0.4", "--dormant-below", "0.8"]):
        whole = s.result(*arguments, "--to", "json", "--per-unit")
        for count in (3, 64):
            files = s.partials(count, *arguments)
            source.shuffle(files)
            need(s.result("--merge", *files, "--to", "json", "--per-unit") == whole, count, "parts of", arguments)


@row
def a_limit_holds_for_a_merged_report(s):
    activations_file(s)
    files = s.partials(3, "acts.csv")
    outcome = s.run("--merge", *files, "--fail-if-dead", "0.1").says("1 of 5 units dead under relu .*: u2", 3)
    need(outcome.stdout == s.run("acts.csv", "--fail-if-dead", "0.1").stdout, outcome)
    s.result("--merge", *files, "--fail-if-dead", "0.2")
    files = s.partials(3, "acts.csv", "--dormant-below", "0.9")
    for gate in ([], ["--fail-if-dormant", "0.2"]):
        for to in ("table", "markdown", "json", "csv"):
            merged, whole = s.run("--merge", *files, *gate, "--to", to), s.run("acts.csv", *gate, "--dormant-below", "0.9", "--to", to)
            need((merged.status, merged.stdout, merged.stderr) == (whole.status, whole.stdout, whole.stderr), merged, whole)


@row
def the_number_of_threads_does_not_show(s):
    activations_file(s, lines=40000)
    for to in FORMATS:
        need(len({s.result("acts.csv", "--threads", threads, *to) for threads in "123"}) == 1, to)


@row
def the_division_into_slabs_does_not_show_in_any_activation(s):
    values = activations_file(s, lines=60000, header=False)
    s.write("acts.npy", npy(values, [60000, 5], "float32"))
    s.write("acts.jsonl", jsonl_of(values, 5))
    for modes in ("relu,elu,leaky", "relu6,softmax", "leaky,softmax(dim=0)"):
        options = ["--mode", modes, "--to", "json", "--per-unit"]
        seen = {s.result("acts.csv", *options, "--threads", threads) for threads in "13"}
        for name in ("acts.npy", "acts.jsonl"):
            seen.add(s.result(name, *options).replace(name.encode(), b"acts.csv"))
        seen.add(s.result("--from", "csv", *options, data=s.read("acts.csv")).replace(b"<stdin>", b"acts.csv"))
        need(len(seen) == 1, modes, len(seen), "reports")


@row
def rows_as_units_are_the_same_in_any_format(s):
    values = activations_file(s, lines=60000, columns=4, header=False)
    s.write("acts.npy", npy(values, [60000, 4], "float32"))
    options = ["--unit-axis", "0", "--to", "json", "--per-unit"]
    got = s.report("acts.npy", "--unit-axis", "0")
    check_figures(got["activations"][0]["per_unit"][50000],
                  {"n": 4, "max": max(0.0, *(x for x in values[200000:200004] if x == x))}, "row 50000")
    need(s.result("acts.npy", *options).replace(b"acts.npy", b"acts.csv") == s.result("acts.csv", *options), "npy, csv")


@row
def the_format_of_the_input_does_not_show(s):
    values = activations_file(s, header=False)
    s.write("acts.jsonl", jsonl_of(values, 5))
    s.write("acts.npy", npy(values, [400, 5], "float32"))
    for to in FORMATS:
        seen = {}
        for form in ("csv", "jsonl", "npy"):
            name = f"acts.{form}"
            seen[name] = s.result(name, *to).replace(name.encode(), b"NAME")
            seen[f"a pipe of {name}"] = s.result("--from", form, *to, data=s.read(name)).replace(b"<stdin>", b"NAME")
            with open(s.path / name, "rb") as file:
                text = harness.Scratch(s.path).result("compare", "--from", form, *to, stdin=file)
                seen[f"<{name}"] = text.replace(b"<stdin>", b"NAME")
        need(len(set(seen.values())) == 1, to, {name: hash(text) for name, text in seen.items()})


@row
def several_inputs_give_a_report_each(s):
    activations_file(s, "a.csv")
    activations_file(s, "b.csv", columns=3)
    document = strict(s.result("a.csv", "b.csv", "--to", "json"))
    need([tensor["source"] for tensor in document["tensors"]] == ["a.csv", "b.csv"], short(document))
    lines = s.result("a.csv", "b.csv", "--to", "jsonl").splitlines()
    need([strict(line)["tensors"][0] for line in lines] == document["tensors"], "JSON Lines")
    s.write("two.npy", npy([1.0], [1], "float32") + npy([-1.0, 2.0], [2], "float32"))
    need(len(strict(s.result("two.npy", "--to", "json"))["tensors"]) == 2, "two arrays in one file")


@row
def output_goes_to_a_file_by_its_extension(s):
    activations_file(s)
    for form in ("json", "jsonl", "csv", "tsv"):
        need(s.result("acts.csv", "-o", f"out.{form}") == b"", form)
        need(s.read(f"out.{form}") == s.result("acts.csv", "--to", form), form)
    s.write("out.json", b"old\n")
    s.run("acts.csv", "missing.csv", "-o", "out.json").refuses("missing.csv: ")
    need(s.read("out.json") == b"old\n", "a failed report replaced the old one")


# ---------------------------------------------------------------- exit codes

@row
def too_many_dead_units_are_status_3(s):
    outcome = s.run(LAYER, "--fail-if-dead", "0.3", "--to", "json")
    outcome.says(r"layer1\.npy: 23 of 32 units dead under relu \(71\.9 %\), limit 30 %: 0, 1, 2, 3, 4, 6", 3)
    check = strict(outcome.stdout)["check"]
    need(check == {"mode": "relu", "limit": 0.3, "worst": 0.71875, "passed": False}, check)
    passed = strict(s.result(LAYER, "--fail-if-dead", "0.8", "--to", "json"))
    need(passed["check"]["passed"] is True, passed["check"])
    need(strict(s.result(LAYER, "--to", "json"))["check"] is None, "no check")
    s.result(LAYER, "--fail-if-dead", "0.71875")  # strictly greater


def dormant_file(s):
    """Units of which b is dead, c dormant, and d close to it."""
    s.write("a.csv", b"a,b,c,d\n" + b"1,-1,0.01,0.1\n1,-1,0.02,0.02\n" * 60)


@row
def too_many_dormant_units_are_status_3(s):
    dormant_file(s)
    for below, share, leaky, names in (("0.025", 0.25, 0, "b"), ("0.1", 0.5, 2, "b, c"), ("0.3", 0.75, 3, "b, c, d")):
        outcome = s.run("a.csv", "--dormant-below", below, "--fail-if-dormant", "0.2", "--to", "json")
        outcome.says(r"a\.csv: \d of 4 units dormant under relu \(%d\.0 %%\), limit 20 %%: %s$" % (100 * share, names), 3)
        document = strict(outcome.stdout)
        need(document["dormant_below"] == float(below) and document["check"] is None, document["dormant_below"])
        need(document["dormant_check"] == {"mode": "relu", "limit": 0.2, "worst": share, "passed": False}, document)
        need([a["dormant_units"] for a in document["tensors"][0]["activations"]] == [4 * share, leaky], document)
        passed = strict(s.result("a.csv", "--dormant-below", below, "--fail-if-dormant", repr(share), "--to", "json"))
        need(passed["dormant_check"]["passed"] is True, passed["dormant_check"])
    both = s.run("a.csv", "--fail-if-dormant", "0", "--fail-if-dead", "0")
    need(both.status == 3 and both.stderr.count(b"\n") == 2 and b"dead under" in both.stderr, both)
    s.result("a.csv", "--fail-if-dormant", "0", "--check", "leaky", "--dormant-below", "0.01")
    s.run("a.csv", "--fail-if-dormant", "0", "--check", "leaky", "--dormant-below", "0.04").says("1 of 4 units dormant under leaky 0.01 .*: b$", 3)
    # Where all are silent, none has a dormancy.
    s.write("silent.csv", b"-1,-2\n" * 3)
    s.run("silent.csv", "--fail-if-dormant", "0.5").says("2 of 2 units dormant under relu", 3)
    s.write("nan.csv", b"nan,nan\n" * 3)
    s.run("nan.csv", "--fail-if-dormant", "1").says("no values", 3)
    for word in ("-0.1", "x", "nan", "inf", ""):
        s.run("a.csv", "--dormant-below=" + word).refuses("--dormant-below", 2)
        s.run("a.csv", "--fail-if-dormant=" + word).refuses("--fail-if-dormant", 2)


@row
def people_are_told_which_units_are_dormant(s):
    dormant_file(s)
    table = s.result("a.csv", "--dormant-below", "0.3").decode()
    need("1 of 4 units dead under relu: b\n  2 more dormant (0.3 or less): c, d\n" in table, table)
    need("dormant" not in s.result("a.csv").decode(), "a dead unit is not told twice")
    need("check: 75.0 % of units dormant under relu, limit 80 %: passed\n" in
         s.result("a.csv", "--dormant-below", "0.3", "--fail-if-dormant", "0.8").decode(), "the check")
    text = s.result("a.csv", "--dormant-below", "0.1", "--to", "markdown").decode()
    need("1 more dormant \\(dormancy 0.1 or less\\): c\n" in text or "1 more dormant (dormancy 0.1 or less): c\n" in text, text)
    lines = s.result("a.csv", "--to", "csv").decode().splitlines()
    column = lines[0].split(",").index("dormant_units")
    need([line.split(",")[column] for line in lines[1:]] == ["1", "0"], lines)
    # Of several tensors those with the greatest share come first.
    s.write("b.csv", b"1,1\n" * 120)
    several = s.result("b.csv", "a.csv", "--fail-if-dormant", "1").decode().splitlines()
    need("dormant" in several[2] and several[3].split()[0] == "a.csv" and "1 (25.0 %)" in several[3], several)
    markdown = s.run("b.csv", "a.csv", "--fail-if-dormant", "0.1", "--to", "markdown").says("a.csv: 1 of 4 units dormant", 3)
    need(b"**Check failed**: 25.0 % of units dormant under relu, limit 10 %\n" in markdown.stdout and
         b"| tensor | units | dead units | dormant units | active" in markdown.stdout, markdown)


@row
def a_report_says_along_which_axis_the_units_are(s):
    for shape, axis, note in (([200, 3], 1, ""), ([2, 8], 1, "--unit-axis 0 if the rows are"), ([2, 7], 1, ""),
                              ([40, 5, 3], 2, "--unit-axis 1 if channels come first"),
                              ([20, 3, 8, 8], 1, ""), ([20, 8, 8, 3], 1, "--unit-axis -1 if channels come last"),
                              ([20, 3, 4, 4, 4], 1, "")):
        s.write("a.npy", npy([float(i % 7 - 3) for i in range(math.prod(shape))], shape, "float32"))
        table = s.result("a.npy").decode()
        need(f"units (axis {axis})\n" in table, table)
        need((note in table) if note else ("--unit-axis" not in table), shape, table)
        need(f"units \\(axis {axis}\\)\n" in s.result("a.npy", "--to", "markdown").decode(), "markdown")
    need("units (axis 0)" in s.result("a.npy", "--unit-axis", "0").decode(), "another axis")
    need("(axis" not in s.result("a.npy", "--unit-axis", "none").decode(), "no axis")


@row
def the_line_names_the_units_of_the_header(s):
    s.write("a.csv", b"fc1,fc2,fc3\n1,-1,-2\n2,-3,0\n")
    s.run("a.csv", "--fail-if-dead", "0").says(r"a\.csv: 2 of 3 units dead under relu .*: fc2, fc3$", 3)
    s.write("b.csv", "ä\x1b[31m,層\n-1,-2\n".encode())
    s.run("b.csv", "--fail-if-dead", "0").says("層", 3)


@row
def the_worst_tensor_is_judged(s):
    s.write("a.csv", b"1,1\n2,-1\n")
    s.write("b.csv", b"1,-1\n2,-1\n")
    document = s.run("a.csv", "b.csv", "a.csv", "--fail-if-dead", "0.4", "--to", "json").says("b.csv: 1 of 2", 3)
    need(strict(document.stdout)["check"]["worst"] == 0.5, "worst")
    s.result("a.csv", "b.csv", "--fail-if-dead", "0.5")


@row
def another_activation_can_be_checked(s):
    need(strict(s.result(LAYER, "--fail-if-dead", "0", "--check", "leaky", "--to", "json"))["check"] ==
         {"mode": "leaky", "limit": 0.0, "worst": 0.0, "passed": True}, "leaky")
    s.run(LAYER, "--fail-if-dead", "0", "--check", "relu", "--mode", "leaky,relu").says("under relu", 3)
    s.result(LAYER, "--fail-if-dead", "0", "--mode", "leaky,relu")
    s.run(LAYER, "--fail-if-dead", "0", "--check", "leaky", "--mode", "relu").refuses("--check", 2)
    s.run(LAYER, "--fail-if-dead", "0", "--check", "elu").refuses("--check", 2)
    s.run(LAYER, "--fail-if-dead", "0", "--slope", "0", "--check", "leaky").says("under leaky 0", 3)
    for slopes in ("0.1,0", "0,0.1"):  # the worst of them
        s.run(LAYER, "--fail-if-dead", "0", "--slope", slopes, "--check", "leaky").says("under leaky 0", 3)


@row
def a_mode_of_partial_files_can_be_checked(s):
    s.write("part.json", s.result(LAYER, "--mode", "leaky,relu", "--partial"))
    s.result("--merge", "part.json", "--fail-if-dead", "0", "--check", "leaky")
    s.run("--merge", "part.json", "--fail-if-dead", "0", "--check", "relu").says("under relu", 3)
    s.write("one.json", s.result(LAYER, "--mode", "relu", "--partial"))
    s.run("--merge", "one.json", "--fail-if-dead", "0", "--check", "leaky").refuses("--check", 2)


@row
def a_file_that_cannot_hold_the_report_is_refused(s):
    s.run(LAYER, "-o", "x.npy").refuses("a report is not an array", 2)
    s.run(LAYER, "--partial", "-o", "x.csv").refuses("--partial writes JSON", 2)
    need(not (s.path / "x.npy").exists() and not (s.path / "x.csv").exists(), "a file was made")


@row
def a_plot_replaces_neither_the_report_nor_an_input(s):
    s.write("in.svg", b"1,-2\n-3,4\n")
    s.run("--from", "csv", "in.svg", "--plot", "./in.svg").refuses("--plot names an input", 2)
    s.run(LAYER, "-o", "s.svg", "--plot", "s.svg").refuses("name one file", 2)
    need((s.path / "in.svg").read_bytes() == b"1,-2\n-3,4\n" and not (s.path / "s.svg").exists(), "a file changed")


@row
def a_nan_is_status_3_on_request(s):
    s.write("a.csv", b"a,b\n1,nan\n2,3\n")
    s.result("a.csv")
    s.run("a.csv", "--fail-if-nan").says(r"a\.csv: 1 of 4 values are NaN", 3)
    s.run("a.csv", "a.csv", "a.csv", "--fail-if-nan").says(r"a\.csv: 1 of 4 values are NaN; 2 more of 3 tensors have some$", 3)
    s.result(LAYER, "--fail-if-nan")


@row
def a_broken_file_outranks_a_limit(s):
    s.write("dead.csv", b"-1,-2\n-3,-4\n")
    s.write("bad.csv", b"1,2\n3,x\n")
    for bad, message in (("bad.csv", rb"bad\.csv:2:3: "), ("missing.csv", rb"missing\.csv: ")):
        for arguments in (["dead.csv", bad], [bad, "dead.csv"]):
            outcome = s.run(*arguments, "--fail-if-dead", "0")
            need(outcome.status == 1 and re.match(rb"rectify: " + message + rb"[^\n]*\nrectify: dead\.csv: 2 of 2 units dead",
                                                  outcome.stderr), outcome)
    s.run("dead.csv", "--fail-if-dead", "0", before="exec >/dev/full").refuses("No space left")


@row
def one_bad_file_does_not_take_the_reports_of_the_others(s):
    activations_file(s)
    s.write("bad.csv", b"1,2\n3,x\n")
    s.write("long.csv", b"1,2\n" * 30000 + b"3,x\n" + b"1,2\n" * 30000)  # more than is read at once
    s.write("two.jsonl", b"[1,2]\n[3,\"x\"]\n")
    for to in (["--to", "json"], ["--to", "csv"], ["--to", "table"]):
        wanted = s.result("acts.csv", LAYER, *to)
        for bad in ("bad.csv", "long.csv", "two.jsonl", "missing.csv"):
            for arguments in ([bad, "acts.csv", LAYER], ["acts.csv", bad, LAYER], ["acts.csv", LAYER, bad]):
                outcome = s.run(*arguments, *to).says(re.escape(bad), 1)
                need(outcome.stdout == wanted, arguments, outcome)
    outcome = s.run("bad.csv", "missing.csv")
    need(outcome.status == 1 and not outcome.stdout and outcome.stderr.count(b"\n") == 2, outcome)
    many = [s.write(f"{i}.csv", b"1,x\n" if i % 7 == 3 else b"1,2\n") for i in range(300)]
    outcome = s.run(*many, "--to", "jsonl")
    need(outcome.status == 1 and outcome.stderr.count(b"\n") == 43 and outcome.stdout.count(b"\n") == 257, outcome)
    # What is put in place is whole, and what is merged is too.
    s.write("out.json", b"old\n")
    s.run("acts.csv", "bad.csv", "-o", "out.json").refuses("bad.csv:2:3: ")
    need(s.read("out.json") == b"old\n", "a report that lacks a file replaced the old one")
    s.run("acts.csv", "bad.csv", "--partial").refuses("bad.csv:2:3: ")
    # Wrong usage is not one file's.
    s.run("acts.csv", "bad.csv", "--unit-axis", "7").refuses("", 2)


@row
def dead_below_is_a_share(s):
    s.write("a.csv", b"1,-1\n" + b"-1,-1\n" * 9)
    for below, dead in (("0", 1), ("0.09", 1), ("0.1", 2), ("1", 2)):
        got = s.report("a.csv", "--dead-below", below)
        need(got["activations"][0]["dead_units"] == dead, below, got["activations"][0]["dead_units"])
    for below in ("-0.1", "1.1", "nan", "x", ""):
        s.run("a.csv", f"--dead-below={below}").refuses("--dead-below", 2)
        s.run("a.csv", f"--fail-if-dead={below}").refuses("--fail-if-dead", 2)


@row
def wrong_usage_is_status_2(s):
    activations_file(s)
    for arguments in (["--to", "torch"], ["--to", "npy"], ["--unit-axis", "x"], ["--unit-axis", "2"],
                      ["--unit-axis=-3"], ["--mode", "relu,elo"], ["--mode", "softmax(dim=0)", "--part", "1/2"], ["--mode", "relu,relu"], ["--slope", "0.1,0.1"],
                      ["--slope", "nan"], ["--slope", ""], ["--echo"], ["--inplace"], ["--partial", "--to", "csv"],
                      ["--partial", "--merge"], ["--partial", "--plot", "x.svg"], ["--plot", "x.gif"]):
        s.run("acts.csv", *arguments).refuses("", 2)


# ---------------------------------------------------------------- merging what is wrong

@row
def a_missing_part_is_named(s):
    activations_file(s)
    files = s.partials(7, "acts.csv")
    for missing in range(7):
        s.run("--merge", *files[:missing], *files[missing + 1:]).refuses(f"part {missing + 1} of 7 is missing")


@row
def a_part_twice_is_named(s):
    activations_file(s)
    files = s.partials(3, "acts.csv")
    s.run("--merge", *files, files[1]).refuses("3.2.part: part 2 of 3 .*twice")
    s.run("--merge", files[0], files[0], files[2]).refuses("3.1.part: part 1 of 3 .*twice")


@row
def parts_of_different_runs_are_refused(s):
    activations_file(s)
    activations_file(s, "other.csv", seed=2)
    activations_file(s, "wide.csv", columns=6)
    s.write("names.csv", s.read("acts.csv").replace(b"u3", b"v3"))
    one, two = s.partials(2, "acts.csv")
    part = s.read(one)

    def mixed(name, *options, pattern, source=None):
        """The second part comes from a run that differs in one thing."""
        data = s.result("--partial", "--part", "2/2", name, *options)
        s.write("second", data if source is None else data.replace(name.encode(), source.encode()))
        s.run("--merge", one, "second").refuses(pattern)
        s.run("--merge", "second", one).refuses(pattern)

    mixed("other.csv", pattern="other.csv")
    mixed("acts.csv", "--dtype", "float64", pattern="float64")
    mixed("acts.csv", "--dtype", "bfloat16", pattern="bfloat16")
    mixed("acts.csv", "--slope", "0.2", pattern=r"0\.2")
    mixed("acts.csv", "--slope", "0.01,0.2", pattern=r"0\.2")
    mixed("acts.csv", "--mode", "relu", pattern="relu")
    mixed("acts.csv", "--mode", "leaky,relu", pattern="leaky")
    mixed("acts.csv", "--unit-axis", "none", pattern="--unit-axis")
    mixed("acts.csv", "--dead-below", "0.5", pattern="--dead-below")
    mixed("names.csv", source="acts.csv", pattern="header|names")
    mixed("wide.csv", source="acts.csv", pattern="shape|units|header|names")
    s.write("third", s.result("--partial", "--part", "2/3", "acts.csv"))
    s.run("--merge", one, "third").refuses("3 parts|of 3|of 2")
    need(s.read(one) == part and s.result("--merge", one, two), "the two parts belong together")


@row
def what_is_no_partial_file_is_refused(s):
    activations_file(s)
    s.write("whole.json", s.result("acts.csv", "--to", "json"))
    s.write("empty", b"")
    s.write("text", b"not JSON\n")
    for name in ("whole.json", "empty", "text", "acts.csv", LAYER, "missing", "."):
        s.run("--merge", name).refuses("")
    s.run("--merge", data=b"").refuses("<stdin>: ")
    for text in (b"null", b"[]", b"{}", b'{"schema":"rectify.compare/1"}', b'{"schema":1}', b'"x"', b"1e999",
                 b'{"schema":"rectify.compare/2","tensors":[]}', b"\xff\xfe", b'{"schema":"\xff"}', b"{" * 9):
        s.run("--merge", data=text).refuses("<stdin>: ")
    s.run("acts.csv", "--merge", "--part", "1/2").refuses("", 2)


@row
def a_truncated_partial_file_is_refused(s):
    activations_file(s, lines=6, columns=2)
    text = s.result("acts.csv", "--partial")
    end = len(text.rstrip())
    for size in (*range(0, end, 41), end - 1):
        s.run("--merge", data=text[:size]).refuses("<stdin>: ")
    need(s.result("--merge", data=text) == s.result("acts.csv"), "whole it is fine")


@row
def damage_to_a_partial_file_is_refused(s):
    s.write("a.csv", b"a,b\n1,-2\n-3,5\n")
    text = s.result("a.csv", "--partial")
    need(text.count(b'"version":2') == 2, short(text, 2000))
    s.run("--merge", data=text.replace(b'"version":2', b'"version":1')).refuses("another version.*make them again")
    state = json.loads(text)["tensors"][0]["activations"][0]["partial"]["state"]
    written = json.dumps(state["units"], separators=(",", ":")).encode()
    need(written in text, short(text, 2000))
    for i, digit in enumerate(written):
        if chr(digit).isdigit():
            other = written[:i] + (b"1" if digit == ord("2") else b"2") + written[i + 1:]
            s.run("--merge", data=text.replace(written, other)).refuses("damaged")
    for was, becomes in ((b'"float32"', b'"float64"'), (b'"float32"', b'"bfloat16"'), (b'"names": ["a"', b'"names": ["c"'),
                         (b'"dead_below": 0.0', b'"dead_below": 0.5'), (b'"dormant_below": 0.025', b'"dormant_below": 0.03')):
        need(was in text, was, short(text, 2000))
        s.run("--merge", data=text.replace(was, becomes)).refuses("it is damaged, as its checksum tells")


@row
def sums_beyond_any_values_are_refused(s):
    """Of doubles; squares may be as small and as large, and once both met, memory behind a sum was written to."""
    s.write("a.csv", b"a,b\n1,2\n")
    document = json.loads(s.result("a.csv", "--partial", "--mode", "relu"))
    for before, sum_ in (("1p0", "1p-2148"), ("1p0", "1p-1075"), ("1p1", "fp2112"), ("1p1", "1p1089")):
        changed = json.loads(json.dumps(document))
        state = changed["tensors"][0]["activations"][0]["partial"]["state"]
        for unit in state["units"]:
            if before in unit:
                unit[unit.index(before)] = sum_
        del state["checksum"]
        state["checksum"] = f"{fnv(json.dumps(state, separators=(',', ':'), sort_keys=True).encode()):016x}"
        s.run("--merge", data=json.dumps(changed).encode()).refuses("a sum is not written as it should be")


def fnv(data):
    checksum = 0xcbf29ce484222325
    for byte in data:
        checksum = (checksum ^ byte) * 0x100000001b3 % 2**64
    return checksum


@row
def names_that_are_not_utf8_are_merged_as_they_are(s):
    for name in (b"a.csv", b"b\xff.csv"):
        with open(os.path.join(os.fsencode(s.path), name), "wb") as file:
            file.write(b"caf\xe9,caf\xe8\n-1,-2\n3,-4\n")
        for k in "12":
            s.write(f"{k}.json", s.result(os.fsdecode(name), "--partial", "--part", f"{k}/2"))
        for format_ in ("csv", "json", "markdown", "table"):
            options = ["--per-unit", "--to", format_]
            need(s.result("--merge", "2.json", "1.json", *options) == s.result(os.fsdecode(name), *options), name, format_)


def with_changed(document, path, value):
    """A deep copy of the document in which the member at the path is another, or gone."""
    copy = json.loads(json.dumps(document))
    target = copy
    for step in path[:-1]:
        target = target[step]
    if value is None:
        del target[path[-1]]
    else:
        target[path[-1]] = value
    return json.dumps(copy).encode()


def paths_in(value, prefix=()):
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        yield (*prefix, key)
        yield from paths_in(item, (*prefix, key))


def merges_or_refuses(s, text, what):
    """A changed file gives one clean line, or a report that is still strict."""
    outcome = s.run("--merge", "--to", "json", "--per-unit", data=text, before="ulimit -t 10")
    if outcome.status == 0:
        need(not outcome.stderr, what, outcome)
        strict(outcome.stdout)
    else:
        need(outcome.status == 1, what, outcome)
        outcome.refuses("")
    return outcome.status


@row
def hostile_members_are_refused(s):
    s.write("a.csv", b"a,b\n1,-2\n-3,inf\n")
    document = json.loads(s.result("a.csv", "--partial"))
    for path in paths_in(document):
        for value in (None, [], {}, "x", "", -1, 1e300, 2**63, 2**64 - 1, 10**30, 0.5, True, [[]], {"a": 1}, "\x1b[31m",
                      "9" * 4000, "-1p99999999999", "1p-999999999"):
            merges_or_refuses(s, with_changed(document, path, value), f"{path} = {short(value, 60)}")


def place_of(document, name):
    return next(path for path in paths_in(document) if path[-1] == name)


@row
def messages_speak_of_the_report_alone(s):
    for text in (b'{"schema":"rectify.compare/1"}', b'{"schema":"rectify.compare/1","dead_below":"x","tensors":[]}'):
        outcome = s.run("--merge", data=text)
        outcome.refuses("it is not a partial report", 1)
        need(b"exception" not in outcome.stderr, outcome)


@row
def hostile_sizes_are_refused(s):
    s.write("a.csv", b"1,-2\n-3,4\n")
    document = json.loads(s.result("a.csv", "--partial"))
    shape = place_of(document, "shape")
    limit = s.limited_memory(1000000)
    for sizes in ([2, 10**9], [2**62, 2], [2**32, 2**32], [-1, 2], [2, -1], [2, 2**63], [2, 1 << 40], [2] * 1000,
                  [2, 0], []):
        outcome = s.run("--merge", data=with_changed(document, shape, sizes), before=limit)
        need(outcome.status == 1, "shape", sizes, outcome)
        outcome.refuses("^(?!.*out of memory)")
    for count in (0, -1, 2**64, 2**63, 1.5, "1"):
        changed = with_changed(document, (*place_of(document, "part"), 1), count)
        outcome = s.run("--merge", data=changed)
        need(outcome.status == 1, count, "parts:", outcome)
    many = with_changed(document, (*place_of(document, "part"), 1), 10**18)
    s.run("--merge", data=many.replace(b'"part": [1, 1]', b'"part": [1, 1000000000000000000]')).refuses("part 2 of 1000")


@row
def deep_documents_do_not_overflow_the_stack(s):
    s.write("a.csv", b"1,-2\n-3,4\n")
    document = json.loads(s.result("a.csv", "--partial"))
    for depth in (1000, 1000000):
        for nested in ("[" * depth + "]" * depth, '{"a":' * depth + "1" + "}" * depth):
            s.run("--merge", data=nested.encode(), before="ulimit -s 1024").refuses("")
            for name in ("state", "units", "names" if "names" in document else "shape", "check"):
                text = with_changed(document, place_of(document, name), "HERE").replace(b'"HERE"', nested.encode())
                outcome = s.run("--merge", data=text, before="ulimit -s 1024")
                need(outcome.status in (0, 1), name, depth, outcome)


@row
def damaged_partial_files_never_crash(s):
    activations_file(s, lines=8, columns=3)
    text = s.result("acts.csv", "--partial", "--slope", "0.01,0.2")
    source = random.Random(SEED)
    tokens = (b"0", b"-", b"9" * 30, b"null", b"[", b"]", b"{", b"}", b'"', b",", b":", b"1e400", b"p", b"\\", b"\x00",
              b"\xff", b"NaN", b"true", b'"part":', b"\n")
    refused = 0
    for _ in range(600):
        damaged = bytearray(text)
        for _ in range(source.choice((1, 1, 2, 5))):
            at = source.randrange(len(damaged))
            kind = source.randrange(4)
            if kind == 0:
                damaged[at] = source.randrange(256)
            elif kind == 1:
                del damaged[at:at + source.choice((1, 2, 30))]
            elif kind == 2:
                damaged[at:at] = source.choice(tokens)
            else:
                other = source.randrange(len(damaged))
                damaged[at:at] = damaged[other:other + source.randrange(40)]
        refused += merges_or_refuses(s, bytes(damaged), short(bytes(damaged), 2000))
    need(refused > 400, "only", refused, "of 600 were refused")


@row
def rows_as_units_have_no_parts(s):
    activations_file(s)
    s.run("acts.csv", "--partial", "--part", "1/2", "--unit-axis", "0").refuses("--unit-axis 0", 2)


# ---------------------------------------------------------------- tables

WIDE = "層,Δw,ユニット,ｗｉｄｅ,e\u0301,가,🙂,plain_name_that_goes_on_and_on_and_on_without_end\n"


def columns_of(text):
    return sum(0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)


@row
def tables_fit_the_screen(s):
    source = random.Random(SEED)
    wide = WIDE + "".join(",".join(str(source.randrange(-9, 5)) for _ in range(8)) + "\n" for _ in range(200))
    s.write("wide.csv", wide.encode())
    activations_file(s, "many.csv", columns=90)
    s.write("dead.csv", b"-1,-2,-3\n" * 3)
    names = ["wide.csv", "many.csv", "dead.csv", LAYER]
    for locale in ("C", "C.UTF-8"):
        for width in (40, 80, 200):
            for arguments in ([name] for name in names):
                for more in ([], ["--per-unit"], ["--slope", "0.01,0.2,-3e-12"]):
                    text = s.result(*arguments, *more, LC_ALL=locale, COLUMNS=str(width)).decode()
                    widest = max(text.splitlines(), key=columns_of)
                    need(columns_of(widest) <= width, f"{width} columns, {locale}, {arguments + more}: {widest!r}")
                    need(not any(line.endswith(" ") for line in text.splitlines()), "blanks at an end")
            text = s.result(*names, LC_ALL=locale, COLUMNS=str(width)).decode()
            need(max(map(columns_of, text.splitlines())) <= width, f"{width} columns, {locale}, all")


@row
def tables_are_ascii_where_the_locale_is(s):
    activations_file(s)
    for to in ([], ["--per-unit"]):
        for environment in ({"LC_ALL": "C"}, {"LC_ALL": "POSIX"}, {"LC_ALL": "", "LANG": "de_DE.ISO-8859-1"}):
            text = s.result("acts.csv", *to, **environment)
            need(text.isascii(), environment, short(text))
        for environment in ({"LC_ALL": "C.UTF-8"}, {"LC_ALL": "", "LANG": "de_DE.utf8"},
                            {"LC_ALL": "", "LC_CTYPE": "C.UTF-8", "LANG": "C"}):
            need(not s.result("acts.csv", *to, **environment).isascii(), environment)
    need(b"0,5" not in s.result("acts.csv", LC_ALL="de_DE.UTF-8"), "a decimal comma")


@row
def absurd_sizes_of_the_screen_are_harmless(s):
    activations_file(s)
    for size in ("0", "1", "-5", "x", "", "99999999999999999999", "1000000"):
        s.result("acts.csv", COLUMNS=size, LINES=size)


def on_a_terminal(s, *arguments, **environment):
    """Standard output of a call whose standard output is a terminal."""
    leader, follower = pty.openpty()
    process = s.start(["compare", *arguments], stdout=follower, stderr=subprocess.DEVNULL,
                      env={**ENVIRONMENT, "TERM": "xterm", **environment})
    os.close(follower)
    text = rest_of(leader)
    need(process.wait(SECONDS) in (0, 3), "exit", process.returncode)
    return text


def rest_of(terminal):
    """What is written to a terminal until its other end is closed; closes it."""
    text = b""
    try:
        while block := os.read(terminal, 65536):
            text += block
    except OSError:  # the other end is closed
        pass
    os.close(terminal)
    return text


@row
def progress_is_shown_at_a_terminal_and_erased(s):
    for to_terminal in (True, False):
        leader, follower = pty.openpty()
        process = s.start(["compare", "-", "--from", "csv"], stdin=subprocess.PIPE, stderr=follower,
                          stdout=follower if to_terminal else subprocess.DEVNULL, env={**ENVIRONMENT, "TERM": "xterm"})
        os.close(follower)
        seen = b""
        end = time.monotonic() + SECONDS
        while b"MB/s" not in seen and time.monotonic() < end:  # however long a busy machine takes
            process.stdin.write(b"1,-2\n" * 100_000)
            process.stdin.flush()
            if select.select([leader], [], [], 0.1)[0]:
                seen += os.read(leader, 65536)
        process.stdin.close()
        seen += rest_of(leader)
        need(process.wait(SECONDS) == 0, "exit", process.returncode, short(seen))
        line = re.search(rb"\r<stdin>: \d+ MB, \d+ MB/s\x1b\[K", seen)
        need(line, "no progress", short(seen))
        last = seen.rindex(b" MB/s")
        need(seen[last:].startswith(b" MB/s\x1b[K\r\x1b[K"), "it stays", short(seen[last:]))


@row
def colour_is_for_terminals_only(s):
    activations_file(s)
    plain = s.result("acts.csv", COLUMNS="80", TERM="xterm", LC_ALL="C.UTF-8")
    need(b"\x1b" not in plain, "escapes in a pipe")
    coloured = on_a_terminal(s, "acts.csv", COLUMNS="80", LC_ALL="C.UTF-8")
    need(b"\x1b[" in coloured, "no colour on a terminal", short(coloured))
    stripped = re.sub(rb"\x1b\[[0-9;]*m", b"", coloured).replace(b"\r\n", b"\n")
    need(stripped == plain, "colour changes the text", short(stripped), short(plain))
    for environment in ({"NO_COLOR": "1"}, {"TERM": "dumb"}):
        need(b"\x1b" not in on_a_terminal(s, "acts.csv", **environment), environment)
    need(b"\x1b" in on_a_terminal(s, "acts.csv", NO_COLOR=""), "an empty NO_COLOR says nothing")
    for to in ("json", "jsonl", "csv", "tsv"):
        need(b"\x1b" not in on_a_terminal(s, "acts.csv", "--to", to), to)


@row
def names_cannot_reach_the_terminal(s):
    s.write("a.csv", b'"\x1b[31mred","a\nb","\xc2\x9b","\xe2\x80\xae",\xff\xfe,"\r",x\x07\n' + b"-1,2,-3,4,-5,6,7\n" * 3)
    name = "b\x1b[2J\n.csv"
    s.write(name, s.read("a.csv"))
    for arguments in (["a.csv"], ["a.csv", "--per-unit"], [name], ["a.csv", name]):
        text = s.result(*arguments, LC_ALL="C.UTF-8").decode()
        need(not any(UNSAFE.search(line) for line in text.split("\n")), short(text))
    s.run("a.csv", "--fail-if-dead", "0").says("dead under relu", 3)
    document = strict(s.result("a.csv", "--to", "json", "--per-unit"))
    need(document["tensors"][0]["names"][:2] == ["\x1b[31mred", "a\nb"], document["tensors"][0]["names"])


# ---------------------------------------------------------------- CSV and TSV

def field_of(figure):
    """A figure of JSON as CSV has it."""
    if figure is None:
        return ""
    if isinstance(figure, bool):
        return str(int(figure))
    if isinstance(figure, list):
        return " ".join(map(str, figure))
    return {"NaN": "nan", "Infinity": "inf", "-Infinity": "-inf"}.get(figure, repr(figure)) if isinstance(
        figure, (float, int)) or figure in ("NaN", "Infinity", "-Infinity") else figure


def same_field(text, figure):
    if isinstance(figure, float) and text:
        return float(text) == figure and re.search("[.en]", text)
    return text == field_of(figure)


@row
def csv_and_tsv_have_the_figures_of_json(s):
    activations_file(s, lines=30)
    s.write("odd.csv", b'"a,b","c ""d""","e\nf","g\th",,\n1,-2,inf,nan,-0,5\n-1,-2,-inf,nan,7,6\n')
    s.write("wei,rd\t\"name\".csv", b"1\n-2\n")
    inputs = ["acts.csv", "odd.csv", "wei,rd\t\"name\".csv", LAYER]
    for form, delimiter in (("csv", ","), ("tsv", "\t")):
        for per_unit in ([], ["--per-unit"]):
            document = strict(s.result(*inputs, "--to", "json", *per_unit, "--slope", "0.01,1e-12"))
            text = s.result(*inputs, "--to", form, *per_unit, "--slope", "0.01,1e-12").decode()
            records = list(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True))
            wanted = []
            for tensor in document["tensors"]:
                for activation in tensor["activations"]:
                    base = {"source": tensor["source"], "mode": activation["mode"], "slope": activation.get("slope")}
                    wanted += [{**base, "name": "", **unit} for unit in activation["per_unit"]] if per_unit else \
                        [{**activation, **base}]
            header = records[0]
            need(len(set(header)) == len(header) and {"source", "mode", "slope", "n", "mean"} <= set(header), header)
            need(len(records) == len(wanted) + 1, len(records), "records,", len(wanted), "expected")
            for record, figures in zip(records[1:], wanted):
                need(len(record) == len(header), record)
                need(set(header) == set(figures), set(header) ^ set(figures))
                for name, value in zip(header, record):
                    need(same_field(value, figures[name]), form, name, repr(value), figures[name])


@row
def csv_columns_stand_in_the_schemas_order(s):
    activations_file(s, lines=5)
    order = list(SCHEMA["$defs"]["figures"]["properties"])
    for per_unit in ([], ["--per-unit"]):
        header = s.result("acts.csv", "--to", "csv", *per_unit).decode().split("\n")[0].split(",")
        need([name for name in header if name in order] == order, header)


# ---------------------------------------------------------------- plots

def gnuplot():
    if shutil.which("gnuplot") is None:
        raise Skip("no gnuplot")


@row
def a_plot_without_gnuplot_says_how_to_get_it(s):
    activations_file(s)
    wanted = s.result("acts.csv")
    (s.path / "nothing").mkdir()
    for target in ("x.svg", "x.png"):
        outcome = s.run("acts.csv", "--plot", target, PATH=str(s.path / "nothing")).says("gnuplot.*install", 1)
        need(outcome.stdout == wanted, "the report is not complete:", outcome)
        need(s.names() == ["acts.csv", "nothing"], s.names())
    s.run("acts.csv", "--plot", "-", PATH=str(s.path / "nothing")).succeeds()  # which is drawn without it


@row
def a_plot_in_the_terminal_is_as_wide_as_that_and_speaks_its_language(s):
    for name in (LAYER, s.write("one.csv", b"1\n-2\n"), s.write("none.npy", npy([], [0, 3], "float32"))):
        for columns in ("40", "80", "200"):
            plain, blocks = (s.run(name, "--plot", "-", COLUMNS=columns, LC_ALL=locale).stdout.decode()
                             for locale in ("C", "C.UTF-8"))
            need(plain.isascii(), short(plain))
            need(name != LAYER or re.search("[\u2581-\u2588]", blocks), short(blocks))
            for text in (plain, blocks):
                need(max(map(len, text.splitlines())) <= int(columns), columns, short(text, 4000))


@row
def merged_parts_are_drawn_as_the_undivided_input_is(s):
    gnuplot()
    activations_file(s)
    files = s.partials(3, "acts.csv")
    for target in ("x.svg", "-"):
        wanted = s.result("acts.csv", "--plot", target), target != "-" and s.read(target)
        got = s.result("--merge", *reversed(files), "--plot", target), target != "-" and s.read(target)
        need(got == wanted, target, short(got), short(wanted))
    old = json.loads(s.read(files[0]))
    for activation in old["tensors"][0]["activations"]:
        activation["partial"]["state"].pop("classes", None)
        state = {key: value for key, value in activation["partial"]["state"].items() if key != "checksum"}
        activation["partial"]["state"]["checksum"] = f"{fnv(json.dumps(state, separators=(',', ':'), sort_keys=True).encode()):016x}"
    s.write(files[0], json.dumps(old).encode())
    s.run("--merge", *files).succeeds()
    s.run("--merge", *files, "--plot", "-").refuses("they hold no histogram.*make them again with compare --partial")


def svg_of(s, *arguments):
    """The text of the picture that a call draws."""
    s.result(*arguments, "--plot", "x.svg")
    data = s.read("x.svg")
    need(len(data) > 1000, short(data))
    (s.path / "x.svg").unlink()
    try:
        tree = xml.etree.ElementTree.fromstring(data)
    except xml.etree.ElementTree.ParseError as error:
        raise Fault(f"the SVG is no XML: {error}") from None
    need(tree.tag.endswith("svg"), tree.tag)
    return "".join(tree.itertext())


@row
def a_plot_is_drawn(s):
    gnuplot()
    activations_file(s)
    wanted = s.result("acts.csv")
    need(s.result("acts.csv", "--plot", "x.svg") == wanted, "the report beside a plot")
    need("acts.csv" in svg_of(s, "acts.csv"), "the name of the input")
    need("relu" in svg_of(s, LAYER, "acts.csv"), "two inputs")
    s.result("acts.csv", "--plot", "x.png")
    need(s.read("x.png").startswith(b"\x89PNG\r\n"), "no PNG")
    text = s.result("acts.csv", "--plot", "-")
    need(text.startswith(wanted) and len(text) > len(wanted) + 500 and b"\x1b" not in text, short(text))
    s.run("acts.csv", "--to", "json", "--plot", "-").refuses("--plot", 2)
    s.result("acts.csv", "--to", "json", "-o", "out.json", "--plot", "-")


@row
def a_terminal_that_the_user_chose_for_gnuplot_does_not_matter(s):
    gnuplot()
    activations_file(s)
    for target in ("x.svg", "y.svg", "-"):
        plain, chosen = (s.run("acts.csv", "--plot", target, **environment)
                         for environment in ({}, {"GNUTERM": "no such terminal"}))
        need(plain.status == chosen.status == 0 and not chosen.stderr and plain.stdout == chosen.stdout, plain, chosen)


@row
def what_only_bears_the_name_of_gnuplot_does_no_harm(s):
    activations_file(s)
    wanted = s.result("acts.csv")
    (s.path / "bin").mkdir()
    tool = s.path / "bin" / "gnuplot"
    for body, message in (("exec yes", "has no end"), ("exit 0", "exit status 0"), ("exit 3", "exit status 3"),
                          ("kill -9 $$", "signal 9"), ("echo no terminal >&2; exit 1", "no terminal"),
                          ("exec 0<&-; sleep 0.1; exit 1", "exit status 1")):
        tool.write_text(f"#!/bin/sh\n{body}\n", encoding="utf-8")
        tool.chmod(0o755)
        done = s.run("acts.csv", "--plot", "x.svg", PATH=f"{tool.parent}:{ENVIRONMENT['PATH']}").says(message, 1)
        need(done.stdout == wanted and s.names() == ["acts.csv", "bin"], done, s.names())


@row
def all_units_or_none_may_be_dead_in_a_plot(s):
    gnuplot()
    for data in (b"1,2\n-1,3\n", b"-1,-2\n-3,-4\n", b"1,2\n3,4\n"):
        s.write("a.csv", data)
        svg_of(s, "a.csv")
        s.result("a.csv", "--plot", "-")


@row
def plots_of_odd_inputs_are_drawn(s):
    gnuplot()
    for values, shape in (([], [0, 3]), ([], [3, 0]), ([math.nan] * 4, [2, 2]), ([math.inf, -math.inf], [1, 2]),
                          ([3.4e38, -3.4e38], [2, 1]), ([1e-45], [1]), ([0.0] * 6, [2, 3]), ([5.0], [1, 1]),
                          ([float(i % 7 - 3) for i in range(5000)], [5, 1000])):
        s.write("in.npy", npy(values, shape, "float32"))
        svg_of(s, "in.npy")
        s.result("in.npy", "--plot", "-")


@row
def hostile_names_are_only_text_in_plots(s):
    gnuplot()
    names = ["'; system('touch pwned'); '", '`touch pwned`', '"; !touch pwned', "$(touch pwned)", "a\nset output 'pwned'",
             "EOD\n!touch pwned", "\\", "%s%n", "<script>", "&amp;", "]]>", "{/Symbol a}", "@x_y^z", "é層🙂", "\x1b[31m",
             "'", "''", "a'b", "#c"]
    header = ",".join('"' + name.replace('"', '""') + '"' for name in names).encode()
    s.write("a.csv", header + b"\n" + b",".join([b"-1", b"2"] * 9 + [b"3"]) + b"\n")
    texts = [svg_of(s, "a.csv")]
    for name in ("'; system('touch pwned'); '.csv", "`touch pwned`.csv", "a\nset output 'pwned'.csv", "\\.csv", "é'\".csv",
                 "EOD\n!touch pwned.csv", "|touch pwned.csv"):
        s.write(name, s.read("a.csv"))
        texts.append(svg_of(s, name))
        s.result(name, "--plot", "-")
    need("pwned" not in s.names() and "x.svg" not in s.names(), s.names())
    need("<script>" in texts[0] and "é層" in texts[0], short(texts[0], 2000))


@row
def a_plot_that_cannot_be_written_leaves_the_report(s):
    gnuplot()
    activations_file(s)
    outcome = s.run("acts.csv", "--plot", "nowhere/x.svg").says("nowhere/x.svg", 1)
    need(outcome.stdout == s.result("acts.csv"), outcome)
    s.write("x.svg", b"old\n")
    s.result("acts.csv", "--plot", "x.svg")
    need(s.read("x.svg") != b"old\n", "the old picture is still there")

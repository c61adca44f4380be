"""JSON objects of names and tensors: what they are in every output, against Python's json."""
import json
import random
import re
import shutil
import subprocess

from harness import ENVIRONMENT, Skip, need, patience, row


def sample():
    return {"layer1": [[1, -2], [3, -4]], "encoder/0.bias \N{SNOWMAN}": [-1, 0, 2.5], "scale": -0.5, "none": [], "]}\"\n": [[[-7]]]}


def relu(value):
    return [relu(item) for item in value] if isinstance(value, list) else max(float(value), 0.0)


@row
def an_object_is_read_under_its_names(s):
    for text in (json.dumps(sample()), json.dumps(sample(), indent=2, ensure_ascii=False) + "\n"):
        data = text.encode()
        s.write("a.json", data)
        s.write("content", data)
        whole = s.result("a.json", "--mode", "relu", "--to", "json")
        need(json.loads(whole) == relu_of(sample()) and list(json.loads(whole)) == list(sample()), whole)
        need(s.result("content", "--mode", "relu", "--to", "json") == whole, "by its content")
        for source in (data, iter([bytes([byte]) for byte in data])):
            need(s.result("--mode", "relu", "--to", "json", data=source) == whole, "from a pipe")
        printed = s.result("a.json", "--key", "layer1", "--key", "enc*", "--mode", "relu").decode()
        need(printed == "layer1:\ntensor([[1., 0.],\n        [3., 0.]])\n"
             "encoder/0.bias \N{SNOWMAN}:\ntensor([0.0000, 0.0000, 2.5000])\n", printed)
        lines = s.result("a.json", "--mode", "relu", "--to", "jsonl").decode().splitlines()
        need([json.loads(line) for line in lines] == [{name: value} for name, value in relu_of(sample()).items()], lines)
        need(s.result("a.json", "--key", "layer1", "--to", "csv") == b"1.0,-0.02\n3.0,-0.04\n", "csv")


def relu_of(tensors):
    return {name: relu(value) for name, value in tensors.items()}


@row
def what_is_written_is_read_back(s):
    s.write("a.json", json.dumps(sample()).encode())
    first = s.result("a.json", "--slope", "1", "--to", "json")
    need(s.result("--slope", "1", "--to", "json", data=first) == first, "JSON")
    for name in ("a.npz", "a.safetensors"):
        s.result("a.json", "--slope", "1", "-o", name)
        need(s.result(name, "--slope", "1", "--to", "json") == first, name)
    modes = s.result("--tensor", "[-1,2]", "--mode", "relu,leaky", "--to", "json")
    need(s.result("--slope", "1", "--to", "json", data=modes) == modes, modes)


@row
def its_tensors_are_listed_and_chosen(s):
    s.write("a.json", json.dumps(sample()).encode())
    listed = json.loads(s.result("a.json", "--list", "--to", "json"))
    need([(entry["name"], entry["dtype"], entry["shape"], entry["bytes"]) for entry in listed] ==
         [("layer1", "float32", [2, 2], 16), ("encoder/0.bias \N{SNOWMAN}", "float32", [3], 12), ("scale", "float32", [], 4),
          ("none", "float32", [0], 0), ("]}\"\n", "float32", [1, 1, 1], 4)], listed)
    need(json.loads(s.result("a.json", "--key", "s*", "--list", "--to", "json", "--dtype", "int8"))[0]["dtype"] == "int8", "int8")
    s.run("a.json", "--key", "layer2").refuses("a.json:1:1: no tensor is called 'layer2' .did you mean 'layer1'", 2)
    s.run("a.json", "--to", "csv").refuses("CSV holds one tensor, and here are 5 .--key 'layer1' takes one", 2)
    s.run("a.json", "--to", "csv", "--dtype", "int64", "--mode", "relu").refuses("here are 5", 2)
    for text in (b"[1]", b"[" + b"1," * 100000 + b"1]", b"[" + b"[1, 2]," * 500000 + b"[3, 4]]"):
        s.run("--key", "a", "--to", "json", data=text).refuses("<stdin>:1:1: --key takes a tensor by its name", 2)
    many = b"{" + b",".join(b'"a%d": %d' % (i, i) for i in range(100000)) + b"}"
    s.run("--key", "a99999", "--mode", "relu", "--to", "json", data=many).gives(b'{"a99999": 99999.0}\n')
    document = b'{"model": "m", "rows": 2, "data": [[1, -2], [3, -4]]}'
    s.run(data=document).refuses("<stdin>:1:11: expected a number but found a string .--key 'data' takes a member")
    s.run("--key", "data", "--to", "csv", data=document).gives(b"1.0,-0.02\n3.0,-0.04\n")


@row
def compare_tells_its_layers_apart(s):
    text = json.dumps({"a": [[1, -1], [1, -1]], "b": [[1, 1], [1, 1]]}).encode()
    s.write("a.json", text)
    for outcome in (s.result("compare", "a.json", "--to", "csv"), s.result("compare", "--to", "csv", data=text).replace(
            b"<stdin>", b"a.json")):
        sources = [line.split(b",")[0] for line in outcome.splitlines()[1:]]
        need(sources == [b"a.json:a", b"a.json:a", b"a.json:b", b"a.json:b"], outcome)
    s.run("compare", "a.json", "--fail-if-dead", "0").says("a.json:a: 1 of 2 units dead", 3)
    s.run("compare", "a.json", "--key", "b", "--fail-if-dead", "0").succeeds()


@row
def objects_in_any_blocks_and_parts_are_the_same(s):
    r = random.Random(7)
    lines = [json.dumps({name: [[round(r.gauss(0, 1), 3)] * r.randrange(1, 40)] * r.randrange(1, 40)
                         for name in r.sample(["a", "b]", "c\"{", "d"], r.randrange(1, 5))}) for _ in range(200)]
    data = "\n".join(lines).encode()
    s.write("a.jsonl", data)
    whole = s.result("a.jsonl", "--mode", "relu", "--to", "jsonl")
    expected = [{name: relu(value)} for line in lines for name, value in json.loads(line).items()]
    need([json.loads(line) for line in whole.splitlines()] == expected, "values")
    for threads in ("1", "8"):
        sizes = (data[at:at + 4099] for at in range(0, len(data), 4099))
        need(s.result("--mode", "relu", "--to", "jsonl", "--threads", threads, data=sizes) == whole, "from a pipe")
    parts = [s.result("a.jsonl", "--mode", "relu", "--to", "jsonl", "--part", f"{k}/5") for k in range(1, 6)]
    need(b"".join(parts) == whole, "in parts")


@row
def every_byte_of_an_object_may_be_wrong(s):
    data = b'{"a": [[1, 2], [3, 4]], "b": 5}'
    whole = s.result("--mode", "relu", data=data)
    for at in range(len(data)):
        for byte in (b"", b"\x00", b'"', b"}", b"]", b",", b":", b"\xff", b"\x1e"):
            outcome = s.run("--from", "json", "--mode", "relu", data=data[:at] + byte + data[at + 1:], seconds=patience(20))
            if outcome.status != 0:
                outcome.refuses("<stdin>:1:", quiet=byte != b"}")  # which may end a smaller object
            elif outcome.stdout == whole:
                need(byte == data[at:at + 1] or (data[at:at + 1] == b" " and byte == b""), at, byte)


def recipes_of(s, name):
    """What the error about a file says to do: a pipeline, if there is one, and a pointer."""
    text = s.run(name).says("but found (an object|a string)").stderr.decode()
    hint = re.search(r" \((.*)\)\n$", text)[1]
    found = re.fullmatch(r"(?:(jq .*); )?--pointer ('[^']*'|\S+) takes .*", hint)
    need(found, hint)
    return found[1], found[2].strip("'")


@row
def objects_among_numbers_are_met_with_a_recipe_that_reads_them(s):
    for name, document, pointer, values in (
            ("records", [{"a": 1, "b": -2}, {"a": 3, "b": -4}], "/*/a", [1, 3]),
            ("named", [{"id": "x", "v": 1.5}, {"id": "y", "v": -2.5}], "/*/v", [1.5, -2.5]),
            ("embeddings", {"object": "list", "data": [{"index": 0, "embedding": [0.5, -1.5]}, {"index": 1, "embedding": [2, -3]}]},
             "/data/*/embedding", [[0.5, -1.5], [2, -3]]),
            ("outputs", {"model": "m", "outputs": [{"name": "out", "shape": [2, 3], "data": [0.5, -1.5, 2, -3, 4, -5]}]},
             "/outputs/*/data", [[0.5, -1.5, 2, -3, 4, -5]]),
            ("layers", {"layer1": {"relu": [1], "leaky": [1]}}, "/layer1/relu", [1])):
        s.write(f"{name}.json", json.dumps(document).encode())
        found = recipes_of(s, f"{name}.json")[1]
        need(found == pointer, name, found)
        result = s.result(f"{name}.json", "--pointer", pointer, "--slope", "1", "--to", "json")
        need(json.loads(result) == values, name, result)


@row
def the_recipe_for_records_reads_them(s):
    if shutil.which("jq") is None:
        raise Skip("jq is not installed")
    for document in ([{"a": 1, "b": -2}, {"a": 3, "b": -4}], {"rows": [{"a": 1, "t": "x", "b": -2}, {"b": -4, "a": 3, "t": "y"}]}):
        s.write("records.json", json.dumps(document).encode())
        recipe = recipes_of(s, "records.json")[0]
        need(recipe, document)
        line = recipe.replace("FILE", "records.json").replace("| rectify", f"| {s.binary} --slope 1 --to csv")
        got = subprocess.run(["sh", "-c", line], cwd=s.path, env=ENVIRONMENT, capture_output=True)
        need(got.stdout == b"1.0,-2.0\n3.0,-4.0\n" and not got.stderr, line, got)

"""Files of several named tensors: what is read, written, chosen and listed, against NumPy and against files made here from
the formats' descriptions; and files that are damaged or lie."""
import io
import json
import math
import random
import struct
import zipfile

from harness import Skip, need, npy, packed, patience, row

try:
    import numpy
except ImportError:
    numpy = None

ITEM = {"F16": "<f2", "F32": "<f4", "F64": "<f8", "I8": "<i1", "I16": "<i2", "I32": "<i4", "I64": "<i8", "U8": "<u1",
        "U16": "<u2", "U32": "<u4", "U64": "<u8"}


def safetensors(tensors, metadata=None, pad=8, header=None):
    """A file as the format's description has it: {name: (dtype, shape, bytes)}."""
    entries = {"__metadata__": metadata} if metadata else {}
    data = b""
    for name, (dtype, shape, raw) in tensors.items():
        entries[name] = {"dtype": dtype, "shape": list(shape), "data_offsets": [len(data), len(data) + len(raw)]}
        data += raw
    text = json.dumps(entries).encode() if header is None else header
    text += b" " * (-len(text) % pad)
    return struct.pack("<Q", len(text)) + text + data


def read_safetensors(data):
    """({name: (dtype, shape, bytes)}, metadata), with the format's rules checked."""
    size = struct.unpack("<Q", data[:8])[0]
    header = json.loads(data[8:8 + size].decode())
    need(data[8:9] == b"{" and size % 8 == 0, "a header of", size)
    metadata = header.pop("__metadata__", None)
    at, tensors = 0, {}
    for name, entry in header.items():
        begin, end = entry["data_offsets"]
        need(begin == at, name, "begins at", begin, "behind", at)
        at = end
        tensors[name] = (entry["dtype"], tuple(entry["shape"]), data[8 + size + begin:8 + size + end])
    need(8 + size + at == len(data), "a rest behind", at)
    return tensors, metadata


def sample():
    return {"layer1": ("F32", (2, 2), packed([1, -2, 3, -4])),
            "encoder/0.bias \N{SNOWMAN}": ("F16", (3,), packed([-1, 0, 1], "<f2")),
            "scale": ("F64", (), packed([-0.5], "<f8")),
            "none": ("F32", (0, 3), b""),
            "half": ("BF16", (2,), b"\x80\x3f\x80\xbf"),
            "steps": ("I64", (2,), packed([1, -5], "<i8"))}


def with_numpy():
    if numpy is None:
        raise Skip("python3-numpy is not installed")


def npz(tensors, **how):
    file = io.BytesIO()
    (numpy.savez_compressed if how.get("compressed") else numpy.savez)(file, **tensors)
    return file.getvalue()


def arrays():
    r = numpy.random.default_rng(0)
    return {"layer1": r.standard_normal((1000, 50)).astype("f4"),
            "fc/w.b": numpy.asfortranarray(r.standard_normal((300, 40))),
            "wide": numpy.asfortranarray(r.standard_normal((3, 50000)).astype("f4")),
            "deep": numpy.asfortranarray(r.standard_normal((4, 5, 6, 7)).astype("f2")),
            "h": r.standard_normal(7).astype("f2"), "s": numpy.float32(-3), "e": numpy.zeros((0, 3), "f4"),
            "big": r.standard_normal((3, 4)).astype(">f8"), "n": numpy.arange(5),
            "stiff \N{SNOWMAN}": r.standard_normal((4, 3, 2)).transpose(2, 0, 1).astype("f4")}


def check_relu(arrays, data):
    found = numpy.load(io.BytesIO(data))
    need(list(found) == list(arrays), list(found))
    for name, array in arrays.items():
        wanted = array if name == "n" else numpy.maximum(array, numpy.zeros((), array.dtype))
        need(found[name].shape == wanted.shape and found[name].dtype.kind == wanted.dtype.kind and
             found[name].tobytes() == wanted.astype(found[name].dtype).tobytes(), name)
    need(zipfile.ZipFile(io.BytesIO(data)).testzip() is None, "a checksum")


@row
def safetensors_are_read_under_their_names(s):
    s.write("a.safetensors", safetensors(sample()))
    s.write("content", safetensors(sample()))
    chosen = ["--key", "layer1", "--key", "enc*", "--mode", "relu"]
    whole = s.result("a.safetensors", *chosen)
    need(whole.decode() == "layer1:\ntensor([[1., 0.],\n        [3., 0.]])\n"
         "encoder/0.bias \N{SNOWMAN}:\ntensor([0., 0., 1.], dtype=torch.float16)\n", whole)
    for data in (s.read("content"), [bytes([byte]) for byte in s.read("content")]):
        need(s.result(*chosen, data=data if isinstance(data, bytes) else iter(data)) == whole, "from a pipe")
    need(s.result("content", *chosen) == whole, "by its content")
    text = s.result("a.safetensors", *chosen, "--to", "json")
    need(text.decode() == '{"layer1": [[1.0, 0.0], [3.0, 0.0]], "encoder/0.bias \N{SNOWMAN}": [0.0, 0.0, 1.0]}\n', text)
    lines = s.result("a.safetensors", "--key", "layer1", "--mode", "relu,leaky", "--to", "jsonl")
    need(lines == b'{"layer1": {"relu": [[1.0, 0.0], [3.0, 0.0]], "leaky": [[1.0, -0.02], [3.0, -0.04]]}}\n', lines)
    need(s.result("a.safetensors", "--key", "layer1", "--to", "csv") == b"1.0,-0.02\n3.0,-0.04\n", "csv")


@row
def safetensors_are_written_with_names_and_metadata(s):
    s.write("a.safetensors", safetensors(sample(), {"format": "pt", "\N{SNOWMAN}": "\u0001"}))
    s.run("a.safetensors", "--mode", "relu", "-o", "b.safetensors").says("note: a.safetensors:steps: int64.*passes unch", 0)
    tensors, metadata = read_safetensors(s.read("b.safetensors"))
    need(metadata == {"format": "pt", "\N{SNOWMAN}": "\u0001"}, metadata)
    expected = sample()
    expected["layer1"] = ("F32", (2, 2), packed([1, 0, 3, 0]))
    expected["encoder/0.bias \N{SNOWMAN}"] = ("F16", (3,), packed([0, 0, 1], "<f2"))
    expected["scale"] = ("F64", (), packed([0], "<f8"))
    expected["half"] = ("BF16", (2,), b"\x80\x3f\x00\x00")
    need(tensors == expected, tensors)
    piped = s.run("--to", "safetensors", "--mode", "relu", data=s.read("a.safetensors"))
    need(piped.stdout == s.read("b.safetensors"), "through pipes it differs")
    s.result("a.safetensors", "--key", "layer1", "--mode", "relu,leaky", "-o", "c.safetensors")
    need(list(read_safetensors(s.read("c.safetensors"))[0]) == ["layer1.relu", "layer1.leaky"], "names of modes")
    s.write("other.safetensors", safetensors({"other": ("F32", (1,), packed([2]))}, {"format": "pt", "step": "7"}))
    s.run("b.safetensors", "other.safetensors", "--mode", "relu", "-o", "both.safetensors").says("note: b.safetensors:steps: int64", 0)
    tensors, metadata = read_safetensors(s.read("both.safetensors"))
    need(metadata == {"format": "pt", "\N{SNOWMAN}": "\u0001", "step": "7"}, metadata)
    s.write("third.safetensors", safetensors({"third": ("F32", (1,), packed([2]))}, {"step": "8"}))
    s.run("other.safetensors", "third.safetensors", "-o", "never.safetensors").refuses("third.safetensors: its metadata say '8' of 'step', and those of an input before it '7'")
    said = s.read("b.safetensors")
    said = said[said.index(b'"__metadata__"'):said.index(b'}') + 1]
    none = s.read("b.safetensors").replace(said, b'"__metadata__":null'.ljust(len(said)), 1)
    need(b"null" in none, none[:200])
    s.write("none.safetensors", none)
    s.run("none.safetensors", "-o", "d.safetensors").says("note", 0)
    need(read_safetensors(s.read("d.safetensors"))[1] is None, "no metadata")
    s.write("many.jsonl", b"".join(b"[%d]\n" % i for i in range(3000)))
    s.result("many.jsonl", "--mode", "relu", "-o", "many.safetensors")
    many = read_safetensors(s.read("many.safetensors"))[0]
    need(many == {f"arr_{i}": ("F32", (1,), packed([i])) for i in range(3000)}, "many tensors without names")


@row
def several_results_of_a_tensor_stand_beside_one_another(s):
    with_numpy()
    r = numpy.random.default_rng(1)
    tensors = {"a": r.standard_normal((300, 1000)).astype("f4"), "n": numpy.arange(5), "b": r.standard_normal((70000, 2)),
               "none": numpy.zeros((0, 3), "f4"), "one": numpy.float32(-2)}
    s.write("a.npz", npz(tensors))
    numpy.save(s.path / "a.npy", tensors["a"])
    relu = {name: s.result("a.npz", "--key", name, "--mode", "relu", "--to", "npy") for name in tensors}
    leaky = {name: s.result("a.npz", "--key", name, "--to", "npy") for name in tensors if name != "n"}
    s.run("a.npz", "--mode", "relu,leaky", "-o", "b.npz").says("note: a.npz:n: int64", 0)
    found = zipfile.ZipFile(s.path / "b.npz")
    need(found.testzip() is None, "a checksum")
    need(found.namelist() == [name + ".npy" for name in ("a.relu", "a.leaky", "n", "b.relu", "b.leaky", "none.relu",
                                                         "none.leaky", "one.relu", "one.leaky")], found.namelist())
    for name in tensors:
        one = found.read("n.npy") if name == "n" else found.read(f"{name}.relu.npy")
        need(one == relu[name], name)
        need(name == "n" or found.read(f"{name}.leaky.npy") == leaky[name], name, "leaky")
    for to in ("npz", "safetensors"):
        s.run("a.npz", "--mode", "relu,leaky", "-o", f"c.{to}")
        s.run("a.npz", "--mode", "relu,leaky", "-o", f"d.{to}", "--threads", "1")
        need(s.read(f"c.{to}") == s.read(f"d.{to}"), to, "by one thread")
    piped = s.run("a.npz", "--mode", "relu,leaky", "--to", "safetensors")
    need(piped.stdout == s.read("c.safetensors"), "through a pipe it differs")
    written = read_safetensors(s.read("c.safetensors"))[0]
    for name in ("a", "b"):
        need(written[f"{name}.relu"][2] == numpy.load(io.BytesIO(relu[name])).tobytes(), name)
        need(written[f"{name}.leaky"][2] == numpy.load(io.BytesIO(leaky[name])).tobytes(), name, "leaky")
    s.result("a.npy", "--echo", "--mode", "relu", "-o", "e.npz")
    echo = numpy.load(s.path / "e.npz")
    need(list(echo) == ["arr_0.input", "arr_0.output"], list(echo))
    need((echo["arr_0.input"] == tensors["a"]).all() and (echo["arr_0.output"] == numpy.maximum(tensors["a"], 0)).all(), "echo")


@row
def safetensors_of_mixed_dtypes_are_aligned(s):
    with_numpy()
    half, single, double = (numpy.full(3, -1, dtype) for dtype in ("f2", "f4", "f8"))

    def written(arrays, *arguments):
        s.write("a.npz", npz(arrays))
        s.result("a.npz", "--mode", "relu", *arguments, "-o", "a.safetensors")
        piped = s.run("--mode", "relu", *arguments, "--to", "safetensors", data=s.read("a.npz"))
        need(piped.stdout == s.read("a.safetensors"), "through pipes it differs")
        data = s.read("a.safetensors")
        start = 8 + struct.unpack("<Q", data[:8])[0]
        header = json.loads(data[8:start].decode())
        need(start % 8 == 0, "data at", start)
        read_safetensors(data)
        return list(header), [(start + e["data_offsets"][0]) % numpy.dtype(ITEM[e["dtype"]]).itemsize for e in header.values()]

    need(written({"h": half, "s": single, "d": double, "g": half, "t": single}) == (["d", "s", "t", "h", "g"], [0] * 5), "mixed")
    need(written({"s": single[:2], "h": half[:2], "t": single}) == (["s", "h", "t"], [0] * 3), "their order is kept where it can be")
    need(written({"h": half, "s": single}, "--dtype", "float64") == (["h", "s"], [0] * 2), "converted")


@row
def a_list_reads_headers_alone(s):
    s.write("a.safetensors", safetensors(sample()))
    found = json.loads(s.result("--list", "--to", "json", "a.safetensors"))
    need([(e["name"], e["dtype"], e["shape"], e["bytes"]) for e in found][0] == ("layer1", "float32", [2, 2], 16), found)
    header = json.dumps({"big": {"dtype": "F32", "shape": [250000, 10000], "data_offsets": [0, 10 ** 10]}}).encode()
    with open(s.path / "big.safetensors", "wb") as file:
        file.write(struct.pack("<Q", len(header)) + header)
        file.truncate(8 + len(header) + 10 ** 10)
    s.run("--list", "big.safetensors").gives(b"big  float32  [250000, 10000]  10000000000\n")
    out = s.result("big.safetensors").decode()
    need(out.startswith("big:\ntensor([[0., 0., 0.,  ..., 0., 0., 0.],"), out)
    s.write("a.npy", npy((3, 4), range(12)))
    s.write("a.csv", b"1,2\n3,4\n")
    s.run("--list", "a.npy", "a.csv").gives(b"a.npy  float32  [3, 4]  48\na.csv  float32  [2, 2]  16\n")


@row
def a_key_that_names_nothing_is_wrong_usage(s):
    s.write("a.safetensors", safetensors(sample()))
    s.run("a.safetensors", "--key", "lyer1").refuses("no tensor is called 'lyer1' .did you mean 'layer1'", 2)
    s.run("a.safetensors", "--to", "csv").refuses("CSV holds one tensor, and here are 5 .--key", 2)
    s.run("a.safetensors", "--to", "npy", data=b"").refuses("npy holds one tensor, and here are 5 .--key", 2)
    s.run("--part", "1/2", "a.safetensors").refuses("--part", 2)
    s.write("a.csv", b"1\n")
    s.run("--key", "a", "a.csv").refuses("--key", 2)


@row
def compare_gives_each_tensor_the_figures_it_has_alone(s):
    r = random.Random(2)
    values = {name: [r.gauss(0, 1) for _ in range(600)] for name in ("l1", "l2", "l3")}
    s.write("a.safetensors", safetensors({n: ("F32", (100, 6), packed(v)) for n, v in values.items()}))
    report = json.loads(s.result("compare", "--per-unit", "--to", "json", "a.safetensors"))
    for tensor, (name, numbers) in zip(report["tensors"], values.items()):
        s.write(name + ".npy", npy((100, 6), numbers))
        alone = json.loads(s.result("compare", "--per-unit", "--to", "json", name + ".npy"))["tensors"][0]
        for key in set(alone) - {"source"}:
            need(tensor[key] == alone[key], name, key)


def figures_merge(s, name, layers):
    """Of a file whose tensors `layers` names: the figures of all, and of each, written as mergeable ones and merged."""
    for keys in [[]] + [["--key", layer] for layer in layers]:
        options = ["--mode", "relu,leaky,elu", "--dead-below", "0.1"]
        s.write("part.json", s.result("compare", name, *keys, *options, "--partial"))
        for to in ("table", "json", "jsonl", "csv", "markdown"):
            for more in ([], ["--per-unit"]):
                whole = s.result("compare", name, *keys, *options, *more, "--to", to)
                need(s.result("compare", "--merge", "part.json", *more, "--to", to) == whole, name, keys, to, more)
    s.run("compare", "--merge", "part.json", "part.json").refuses("part 1 of 1 is there twice")
    s.write("other.json", s.result("compare", name, "--key", layers[0], "--partial"))
    s.run("compare", "--merge", "part.json", "other.json").refuses("it is of the input '" + name + ":")
    s.write("all.json", s.result("compare", name, "--partial"))
    s.run("compare", "--merge", "all.json", "other.json").refuses("it has 1 tensor, and all.json has 4")
    for command in ([], ["compare"]):
        s.run(*command, name, "--part", "1/2").refuses("--part divides one table .*--key NAME divides it by tensors", 2)
        s.run(*command, name, "--part", "1/2", "--key", layers[0]).refuses("and this is a file of several .leave it out: --key has divided it.$", 2)


def layers_of_samples():
    r = random.Random(3)
    return {name: (shape, [r.gauss(0, 1) for _ in range(math.prod(shape))])
            for name, shape in (("fc/1", (100, 6)), ("conv.1", (20, 3, 4, 4)), ("b \N{SNOWMAN}", (50,)), ("none", (0, 3)))}


@row
def figures_of_files_of_several_tensors_merge(s):
    with_numpy()
    layers = layers_of_samples()
    s.write("a.safetensors", safetensors({n: ("F32", shape, packed(values)) for n, (shape, values) in layers.items()}))
    figures_merge(s, "a.safetensors", list(layers))
    tensors = {n: numpy.array(values, ">f4").reshape(shape) for n, (shape, values) in layers.items()}
    for name, compressed in (("a.npz", False), ("c.npz", True)):
        s.write(name, npz({n: numpy.asfortranarray(t) for n, t in tensors.items()}, compressed=compressed))
        figures_merge(s, name, list(layers))


@row
def what_numpy_has_saved_is_read_and_what_is_written_it_loads(s):
    with_numpy()
    tensors = arrays()
    outs = set()
    for name, compressed in (("a.npz", False), ("c.npz", True)):
        s.write(name, npz(tensors, compressed=compressed))
        for threads in ("1", "2"):
            s.run(name, "--mode", "relu", "--threads", threads, "-o", "out.npz").says("n: int64", 0)
            check_relu(tensors, s.read("out.npz"))
            outs.add(s.read("out.npz"))
        piped = s.run("--mode", "relu", "--to", "npz", data=s.read(name))
        check_relu(tensors, piped.stdout)
        for key, array in tensors.items():
            text = s.result(name, "--key", key, "--to", "npy", "--mode", "relu")
            need(numpy.array_equal(numpy.load(io.BytesIO(text)), numpy.maximum(array, 0)), key)
    need(len(outs) == 1, "stored, deflated and threads differ")
    s.run("a.npz", "-o", "b.safetensors").says("n: int64", 0)
    found = read_safetensors(s.read("b.safetensors"))[0]
    need(sorted(found) == sorted(tensors), list(found))
    for key, (dtype, shape, _) in found.items():
        need(shape == tensors[key].shape and numpy.dtype(ITEM[dtype]).itemsize == tensors[key].itemsize, key)


@row
def what_is_converted_is_operated_on_whatever_it_becomes(s):
    with_numpy()
    s.write("a.npz", npz({"w": numpy.array([-1.5, 2.5], "f4"), "n": numpy.array([-3, 4]), "b": numpy.array([True, False])}))
    expected = {"w": [0, 2], "n": [0, 4], "b": [1, 0]}
    for key in ([], ["--key", "*"]):
        s.run("a.npz", *key, "--mode", "relu", "--dtype", "int8", "--to", "json").gives(json.dumps(expected).encode() + b"\n")
        s.result("a.npz", *key, "--mode", "relu", "--dtype", "int8", "-o", "b.npz")
        found = numpy.load(io.BytesIO(s.read("b.npz")))
        need({name: found[name].tolist() for name in found} == expected and found["w"].dtype == "i1", dict(found))
        report = json.loads(s.result("compare", "a.npz", *key, "--mode", "relu", "--dtype", "int8", "--to", "json"))
        need(len(report["tensors"]) == 3, report)
    s.run("a.npz", "--dtype", "int8").says("w: \"leaky_relu_cpu\" not implemented for 'Char'")
    s.run("a.npz", "--mode", "relu", "--dtype", "int8", "--to", "csv").refuses("CSV holds one tensor, and here are 3", 2)


@row
def a_name_is_there_once_and_may_be_empty(s):
    with_numpy()
    blank = {"": numpy.array([1, -2], "f4"), "arr_0": numpy.array([3], "f4")}
    s.write("a.npz", npz(blank))
    expected = {"": [1.0, 0.0], "arr_0": [3.0]}
    for name in ("a.npz", "a.safetensors", "a.json"):
        if name != "a.npz":
            s.result("a.npz", "--mode", "relu", "-o", name)
        need(json.loads(s.result(name, "--mode", "relu", "--to", "json")) == expected, name)
    s.result("a.safetensors", "--mode", "relu", "-o", "b.npz")
    found = numpy.load(io.BytesIO(s.read("b.npz")))
    need({name: found[name].tolist() for name in found} == expected, list(found))
    s.run("a.npz", "--mode", "relu", "--to", "jsonl").gives(b'{"": [1.0, 0.0]}\n{"arr_0": [3.0]}\n')
    s.run("a.npz", "--mode", "relu").gives(b":\ntensor([1., 0.])\narr_0:\ntensor([3.])\n")
    # What has no name at all gets one where it needs one.
    s.write("a.npy", npy((1,), [-1]))
    s.result("a.npy", "--mode", "relu", "-o", "b.npz")
    need(list(numpy.load(io.BytesIO(s.read("b.npz")))) == ["arr_0"], "a name of its own")
    s.run("--to", "safetensors", data=b'{"__metadata__": [1]}').refuses("a tensor is called '__metadata__', which safetensors have for")


@row
def other_members_of_an_archive_stop_nothing_but_themselves(s):
    with_numpy()
    fields = numpy.array([(1, 2.0)], [("a", "i4"), ("b [(", "f8", (2,))])
    s.write("a.npz", npz({"s": fields, "w": numpy.array([1, -2], "f4")}))
    with zipfile.ZipFile(s.path / "a.npz", "a") as archive:
        archive.writestr("readme.txt", b"hello")
    listed = json.loads(s.result("a.npz", "--list", "--to", "json"))
    need([(e["name"], e["dtype"], e["shape"]) for e in listed] ==
         [("s", "[('a', '<i4'), ('b [(', '<f8', (2,))]", [1]), ("w", "float32", [2]), ("readme.txt", "bytes", [5])], listed)
    s.run("a.npz", "--key", "w", "--mode", "relu", "--to", "json").gives(b'{"w": [1.0, 0.0]}\n')
    for key, why in (([], "a.npz:s: structured dtypes are not supported .*--key NAME chooses other"),
                     (["--key", "readme*"], "a.npz:readme.txt: it is not a .npy file")):
        s.run("a.npz", *key, "-o", "b.npz").refuses(why)
    file = io.BytesIO()
    numpy.save(file, fields)
    s.run(data=file.getvalue()).refuses("structured dtypes are not supported")
    s.write("b.npy", file.getvalue())
    s.run("b.npy").refuses("structured dtypes are not supported")
    numpy.save(s.path / "c.npy", numpy.ones((2, 3), "c8"))
    found = json.loads(s.result("--list", "--to", "json", "b.npy", "c.npy"))
    need([(e["dtype"], e["shape"], e["bytes"]) for e in found] ==
         [("[('a', '<i4'), ('b [(', '<f8', (2,))]", [1], 20), ("<c8", [2, 3], 48)], found)


@row
def names_of_members_are_decoded_as_zipfile_does(s):
    with_numpy()
    array = npy((2,), [1, -2])

    def archive(name, utf8=False):
        """zipfile writes UTF-8 alone; its flag and the name's bytes are put in afterwards."""
        file = io.BytesIO()
        with zipfile.ZipFile(file, "w") as out:
            out.writestr("N" * len(name) + ".npy", array)
        data = bytearray(file.getvalue().replace(b"N" * len(name), name))
        for at in (data.index(b"PK\x03\x04") + 6, data.index(b"PK\x01\x02") + 8):
            data[at + 1] |= 8 if utf8 else 0
        return bytes(data)

    every = bytes(range(0x80, 0x100))
    for name in (b"\x81ber", every, "\N{SNOWMAN}".encode()):
        expected = zipfile.ZipFile(io.BytesIO(archive(name))).namelist()[0].removesuffix(".npy")
        found = json.loads(s.result("--to", "json", "--mode", "relu", data=archive(name)))
        need(found == {expected: [1.0, 0.0]} and expected == name.decode("cp437"), found)
    found = json.loads(s.result("--to", "json", "--mode", "relu", data=archive("\N{SNOWMAN}".encode(), True)))
    need(found == {"\N{SNOWMAN}": [1.0, 0.0]}, found)
    s.run(data=archive(b"\xff\xfe", True)).refuses("its name is not UTF-8")
    s.result("--to", "npz", "-o", "out.npz", data=archive(every))
    need(numpy.load(io.BytesIO(s.read("out.npz"))).files == [every.decode("cp437")], "written")


@row
def wide_unsigned_integers_pass_are_kept_and_are_converted(s):
    with_numpy()
    values = {kind: numpy.array([0, 1, 7, numpy.iinfo(kind).max], kind) for kind in ("u2", "u4", "u8")}
    wide = {"U" + str(8 * int(kind[1])): (array.shape, array.astype("<" + kind).tobytes()) for kind, array in values.items()}
    s.write("a.safetensors", safetensors({name: (name, *rest) for name, rest in wide.items()}))
    s.write("a.npz", npz({"U" + str(8 * int(kind[1])): array.astype(order + kind)
                          for order, (kind, array) in zip("<><", values.items())}))
    for name in ("a.safetensors", "a.npz"):
        for extra in ([], ["--key", "*", "--mode", "relu"]):  # passed on, and operated on
            outcome = s.run(name, *extra, "-o", "b.safetensors")
            outcome.succeeds() if extra else outcome.says("U64: uint64.*pass", 0)
            need(read_safetensors(s.read("b.safetensors"))[0] == {n: (n, *rest) for n, rest in wide.items()}, name)
            s.run(name, *extra, "-o", "b.npz")
            found = numpy.load(io.BytesIO(s.read("b.npz")))
            need(all(numpy.array_equal(found["U" + str(8 * int(kind[1]))], array) for kind, array in values.items()), name)
        s.run(name, "--dtype", "float32", "--slope", "1", "--to", "npz").says(
            name + ": 2 integers are not exact in float32, the first 4294967295 in '" + name + ":U32'$", 0)
    s.write("v.npz", npz({"w": numpy.array([1, -2], "f4"), "bf": numpy.array([b"\x80\x3f", b"\x80\xbf"], "V2")}))
    s.run("v.npz").says("v.npz:bf: dtype '.V2' is two bytes of no type .--dtype bfloat16 reads them")
    s.run("v.npz", "--key", "w").gives(b"w:\ntensor([ 1.0000, -0.0200])\n")
    s.run("v.npz", "--dtype", "bfloat16", "--mode", "relu", "--key", "bf").gives(
        b"bf:\ntensor([1., 0.], dtype=torch.bfloat16)\n")
    s.write("c.npz", npz({"w": numpy.array([1], "f4"), "c": numpy.array([1j])}))
    s.run("c.npz", "--key", "w", "--to", "csv").gives(b"1.0\n")
    s.run("c.npz").says("c.npz:c: dtype '<c16' is not supported")


@row
def a_thousand_arrays_and_more_than_4_gib(s):
    with_numpy()
    many = {f"layer{i}": numpy.full((2,), -i, "f4") for i in range(1000)}
    s.write("many.npz", npz(many))
    s.result("many.npz", "--mode", "leaky(0.5)", "-o", "out.npz")
    found = numpy.load(io.BytesIO(s.read("out.npz")))
    need(all(found[f"layer{i}"][0] == -i / 2 for i in range(1000)), "values")
    # A member beyond 4 GiB, of zeros that take no room.
    size = (1 << 32) + 4096
    with open(s.path / "big.npz", "wb") as file:
        with zipfile.ZipFile(file, "w") as archive:
            header = npy((size // 4,), b"")
            info = zipfile.ZipInfo("big.npy")
            info.file_size = info.compress_size = len(header) + size
            info.header_offset = info.CRC = 0
            file.write(info.FileHeader(zip64=True) + header)
            file.seek(size, 1)
            archive.filelist.append(info)
            archive.NameToInfo[info.filename] = info
            archive.start_dir = file.tell()
            archive._didModify = True
            archive.writestr("small.npy", npy((1,), [-1]))
    s.run("--list", "big.npz").gives(b"big    float32  [1073742848]  4294971392\nsmall  float32  [1]                    4\n")
    s.run("big.npz", "--key", "small", "--to", "csv").gives(b"-0.01\n")
    out = s.result("big.npz", "--key", "big")
    need(out == b"big:\ntensor([0., 0., 0.,  ..., 0., 0., 0.])\n", out)
    s.run("big.npz", "--key", "big", "--to", "npy", "-o", "/dev/null", seconds=patience(60)).says("CRC-32", 1)


@row
def a_tensor_of_a_safetensors_file_beyond_4_gib(s):
    size = (1 << 32) + 4096
    header = json.dumps({"big": {"dtype": "F32", "shape": [size // 4], "data_offsets": [0, size]},
                         "a/b \N{SNOWMAN}": {"dtype": "U16", "shape": [2], "data_offsets": [size, size + 4]},
                         "small": {"dtype": "F32", "shape": [1, 2], "data_offsets": [size + 4, size + 12]}}).encode()
    with open(s.path / "big.safetensors", "wb") as file:
        file.write(struct.pack("<Q", len(header)) + header)
        file.seek(size, 1)
        file.write(packed([1, 65535], "<u2") + packed([-1, 5]))
    s.run("big.safetensors", "--key", "small", "--to", "csv").gives(b"-0.01,5.0\n")
    s.run("big.safetensors", "--key", "a/*", "--mode", "relu", "--to", "json").gives(
        '{"a/b \N{SNOWMAN}": [1, 65535]}\n'.encode())
    s.result("big.safetensors", "--key", "small", "--key", "a/*", "--mode", "relu", "-o", "out.safetensors")
    need(list(read_safetensors(s.read("out.safetensors"))[0].values()) ==
         [("U16", (2,), packed([1, 65535], "<u2")), ("F32", (1, 2), packed([0, 5]))], s.read("out.safetensors"))
    report = json.loads(s.result("compare", "big.safetensors", "--key", "small", "--to", "json"))["tensors"][0]
    need(report["input"]["negative"] == 1, report)


def refused_or_the_same(s, data, name, places, expected):
    """Every change of a byte at the places: an error in one clean line, or the very same result."""
    taken = []
    for place in places:
        for bit in (1, 16, 128, 255):
            damaged = bytearray(data)
            damaged[place] ^= bit
            outcome = s.run("--from", name, "--to", "json", "--mode", "relu", data=bytes(damaged))
            if outcome.status == 0 and outcome.stdout == expected:
                taken.append(place)
            elif outcome.status != 0:
                outcome.need_one_clean_line(place, bit)
            else:  # another name or other values, which nothing guards
                json.loads(outcome.stdout)
    return taken


@row
def every_byte_of_a_safetensors_header_may_be_wrong(s):
    data = safetensors({"a": ("F32", (2, 2), packed([1, 2, 3, 4])), "b": ("F32", (1,), packed([5]))})
    expected = s.result("--to", "json", "--mode", "relu", data=data)
    refused_or_the_same(s, data, "safetensors", range(len(data) - 20), expected)
    for size in range(1, len(data)):
        s.run("--from", "safetensors", "--to", "npz", "-o", "out", data=data[:size]).says()
    s.run("--from", "safetensors", data=data + b"1").refuses("the tensors end at byte .*, and the file does not", quiet=False)


@row
def safetensors_that_lie_are_refused(s):
    a = '{"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}'
    for header, why in (
            ('{"a": %s, "a": %s}' % (a, a), "'a' twice"),
            ('{"a": {"dtype": "F32", "shape": [3], "data_offsets": [0, 8]}}', "takes 12 bytes"),
            ('{"a": {"dtype": "F32", "shape": [2], "data_offsets": [8, 0]}}', "end before they begin"),
            ('{"a": {"dtype": "F32", "shape": [1], "data_offsets": [4, 8]}}', "a hole, or an overlap"),
            ('{"a": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}}', "take 4 bytes, and 8 are there"),
            ('{"a": {"dtype": "F32", "shape": [4], "data_offsets": [0, 16]}}', "the file was cut short"),
            ('{"a": %s, "b": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}}' % a, "overlap"),
            ('{"a": {"dtype": "F32", "shape": [4611686018427387904, 4, 2], "data_offsets": [0, 8]}}', "takes more"),
            ('{"a": {"dtype": "F32", "shape": [18446744073709551615], "data_offsets": [0, 8]}}', "beyond 63 bits"),
            ('{"a": {"dtype": "F32", "shape": [-2], "data_offsets": [0, 8]}}', "number -2"),
            ('{"a": {"dtype": "F32", "shape": [2.0], "data_offsets": [0, 8]}}', "number 2.0"),
            ('{"a": {"dtype": "F32", "shape": [[2]], "data_offsets": [0, 8]}}', "a list"),
            ('{"a": {"dtype": "F8_E4M3", "shape": [8], "data_offsets": [0, 8]}}', "a: dtype 'F8_E4M3' is not supported"),
            ('{"a": {"dtype": "XYZ", "shape": [8], "data_offsets": [0, 8]}}', "dtype 'XYZ' is not supported"),
            ('{"a": {"dtype": 1, "shape": [2], "data_offsets": [0, 8]}}', "number 1"),
            ('{"a": {"shape": [2], "data_offsets": [0, 8]}}', "lacks dtype"),
            ('{"a": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8, 8]}}', "a begin and an end"),
            ('{"a": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8], "x": 1}}', "the key 'x'"),
            ('{"__metadata__": {"a": 1}, "a": %s}' % a, "number 1"),
            ('{"__metadata__": {"k": "1", "k": "2"}, "a": %s}' % a, "'k' twice under '__metadata__'"),
            ('{"a": %s}\0, "b": %s}' % (a, a), "a NUL at byte"), ('{"a": %s}\0' % a, "a NUL at byte"),
            ('{"a": {"dtype": "F32", "shape": [0, 4611686018427387904, 4611686018427387904], "data_offsets": [0, 0]}}',
             "x.safetensors:a: the shape"),
            ('{"a": [1]}', "a list"), ('[]', "begin with '{'"), ('{"a": %s' % a, "not JSON"), ('{"a": null}', "null"),
            ("{" + '"a": {' * 100000, "has the key 'a'"), ('{"\udcff": %s}' % a, "not JSON")):
        s.write("x.safetensors", safetensors({}, header=header.encode(errors="surrogateescape")) + packed([1, -2]))
        s.run("x.safetensors").refuses(why)
    header = '{"a": %s, "b": {"dtype": "F32", "shape": [1], "data_offsets": [8, 12]}}' % a
    data = safetensors({}, header=header.encode()) + packed([1, -2, 3])
    for change, why in ((data + b"x", "bytes, and 13 are there|, and the file does not"),
                        (data[:-1], "and 11 are there|cut short")):
        s.write("x.safetensors", change)
        for key in ([], ["--key", "a"]):
            s.run("x.safetensors", *key).refuses(why)
            # A pipe tells its end behind the values.
            s.run("--from", "safetensors", *key, data=change).refuses(why, quiet=False)
    s.write("x.safetensors", struct.pack("<Q", 1 << 40) + b"{}")
    s.run("x.safetensors").refuses("more than 100 MB")
    s.write("x.safetensors", struct.pack("<Q", 1000) + b"{}")
    s.run("x.safetensors").refuses("more than the file")
    s.write("x.safetensors", b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n")
    s.run("x.safetensors").refuses("Git LFS pointer")
    s.write("x.safetensors", b"<!DOCTYPE html>\n")
    s.run("x.safetensors").refuses("HTML")


@row
def a_header_of_any_length_is_known_by_its_content(s):
    header = b'{"a": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}}'
    for more in range(300):
        data = safetensors({}, pad=1, header=header + b" " * more) + packed([1, -2])
        s.run("--to", "json", data=data).gives(b'{"a": [1.0, -0.02]}\n')
    for size in range(1, 8):
        s.write("cut.safetensors", data[:size])
        s.run("cut.safetensors").refuses("unexpected end in the header's length")


@row
def what_changes_its_size_is_aligned(s):
    s.write("a.safetensors", safetensors({"h": ("F16", (2,), packed([1, 2], "<f2")), "w": ("F32", (2,), packed([1, 2])),
                                          "v": ("F64", (2,), packed([1, 2], "<f8"))}))
    s.write("a.npz", s.result("a.safetensors", "--to", "npz", "--mode", "leaky(1)"))
    s.run("a.npz", "--mode", "glu", "-o", "b.safetensors").succeeds()
    tensors, _ = read_safetensors(s.read("b.safetensors"))
    need(list(tensors) == ["v", "w", "h"], tensors)


@row
def what_nobody_chose_may_be_compressed_in_any_way(s):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as out:
        out.writestr("a.npy", npy((2,), [1, -2]))
        out.writestr("b.npy", npy((2,), [3, -4]), zipfile.ZIP_BZIP2)
    data = file.getvalue()
    s.run("--key", "a", "--to", "json", data=data).gives(b'{"a": [1.0, -0.02]}\n')
    s.run("--key", "b", data=data).refuses("<stdin>:b: it is compressed by method 12")
    s.run("--list", data=data).gives(b"a  float32  [2]      8\nb  bytes    [136]  136\n")
    # A size in front of a member that is another than in the directory.
    described = bytearray(data)
    described[6] |= 8
    described[14:18] = bytes(4)
    described[18:22] = struct.pack("<I", 5)
    s.run("--key", "a", data=bytes(described)).refuses("another than in the zip directory")


@row
def the_end_of_deflated_data_may_wait_for_room(s):
    """The last byte may hold many values, for which a buffer has no room when it is taken."""
    with_numpy()
    for value in (0, 0.5):
        for more in range(100, 180, 2):
            data = npz({"a": numpy.full(131072 + more, value, "f4")}, compressed=True)
            lines = s.result("--to", "csv", data=data)
            need(lines == (b"%.1f\n" % value) * (131072 + more), value, more, len(lines))


@row
def every_byte_of_a_zip_archive_may_be_wrong(s):
    with_numpy()
    tensors = {"a": numpy.array([1, -2], "f4"), "b": numpy.array([[3]], "f8")}
    for compressed in (False, True):
        data = npz(tensors, compressed=compressed)
        expected = s.result("--to", "json", "--mode", "relu", data=data)
        for place in refused_or_the_same(s, data, "npz", range(len(data)), expected):
            need(zipfile.ZipFile(io.BytesIO(data)), place)
        for size in range(1, len(data), 7):
            s.run("--from", "npz", data=data[:size]).refuses()


@row
def archives_that_lie_are_refused(s):
    def archive(*members, comment=b""):
        file = io.BytesIO()
        with zipfile.ZipFile(file, "w") as out:
            for name, data, how in members:
                out.writestr(name, data, how)
            out.comment = comment
        return file.getvalue()

    array, stored, deflated = npy((2,), [1, -2]), zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED
    plain = archive(("a.npy", array, stored))
    s.run("--to", "json", data=archive(("a.npy", array, stored), comment=b"PK\x05\x06" * 9)).gives(b'{"a": [1.0, -0.02]}\n')
    s.run("--to", "json", data=b"PK\x03\x04 is in front" + plain).refuses()
    s.run(data=plain + b"behind").refuses(f"ends at byte {len(plain)} of the file's {len(plain) + 6}")
    s.run("--to", "json", data=plain + bytes(5000)).gives(b'{"a": [1.0, -0.02]}\n')
    s.run(data=plain + bytes(70000)).refuses("no directory")
    for name in ("npz", "pt"):
        s.run("--from", name, data=b"[1, 2]\n").refuses("this is not a zip archive, as .npz and .pt files are: it begins with '.1, 2")
    s.run(data=archive()).refuses("no tensor in it")
    s.run(data=archive(("a.npy", array, stored), ("b.txt", b"1", stored))).refuses("b.txt: it is not a .npy", quiet=False)
    s.run(data=archive(("a.npy", array, zipfile.ZIP_BZIP2))).refuses("method 12")
    s.run(data=archive(("a.npy", array + b"1", stored))).refuses("a: shape .2. of '<f4' takes 8 bytes, and 9 are there")
    s.run(data=archive(("a.npy", array[:-1], deflated))).refuses("takes 8 bytes, and 7 are there")
    s.run(data=archive(("a.npy", npy((1 << 40,), b""), deflated))).refuses("takes 4398046511104 bytes")
    # Two names for one member, and two members that overlap.
    twice = archive(("a.npy", array, stored), ("b.npy", array, stored))
    s.run(data=twice.replace(b"b.npy", b"a.npy")).refuses("two members have this name")
    directory = twice.rindex(b"PK\x01\x02")
    lying = bytearray(twice)
    lying[directory + 42:directory + 46] = bytes(4)
    s.run(data=bytes(lying)).refuses()
    # A bomb: a header that is honest about a size that nobody has memory for, and zeros.
    zeros = archive(("a.npy", npy((1 << 26,), b"") + bytes(1 << 28), deflated))
    limit = s.limited_memory(400000)
    s.write("bomb.npz", zeros)
    report = s.result("compare", "--to", "csv", "bomb.npz", before=limit, seconds=patience(60))
    need(b"67108864" in report, report)

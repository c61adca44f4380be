"""What torch.save has written, against the PyTorch that is installed and against pickles made here: nothing of a pickle is
run, whatever it says."""
import io
import json
import os
import pickle
import random
import struct
import zipfile

from containers_files import figures_merge
from harness import Skip, need, packed, patience, row

try:
    import torch
    torch.randn  # where there is no PyTorch, the folder tests/torch is found
except (ImportError, AttributeError):
    torch = None


def with_torch():
    if torch is None or os.environ.get("RECTIFY_QUICK"):
        raise Skip("python3-torch is not installed, or left out (--quick)")


def saved(value, **how):
    file = io.BytesIO()
    torch.save(value, file, **how)
    return file.getvalue()


def archive(data_pkl, storages=(), **others):
    """What torch.save makes of a pickle and the bytes of storages."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as out:
        out.writestr("archive/data.pkl", data_pkl)
        for i, data in enumerate(storages):
            out.writestr(f"archive/data/{i}", data)
        for name, data in others.items():
            out.writestr("archive/" + name, data)
    return file.getvalue()


def text(word):
    return b"X" + struct.pack("<I", len(word.encode())) + word.encode()


def whole(number):
    return b"J" + struct.pack("<i", number)


def numbers(values):
    return b"(" + b"".join(map(whole, values)) + b"t"


def tensor(shape=(2,), strides=(1,), offset=0, elements=2, key="0", type="torch\nFloatStorage", word="storage",
           function="torch._utils\n_rebuild_tensor_v2", more=b""):
    """The pickle of a tensor, without its begin and end."""
    storage = b"(" + text(word) + b"c" + type.encode() + b"\n" + text(key) + text("cpu") + whole(elements) + b"tQ"
    return (b"c" + function.encode() + b"\n(" + storage + whole(offset) + numbers(shape) + numbers(strides) +
            b"\x89ccollections\nOrderedDict\n)R" + more + b"tR")


def of(pickled, *storages, **others):
    return archive(b"\x80\x02" + pickled + b".", storages or [packed([1, -2])], **others)


GOOD = b'{"a": [1.0, -0.02]}\n'


def named(value):
    return b"}" + text("a") + value + b"s"


@row
def what_torch_has_saved_is_read_under_its_paths(s):
    with_torch()
    x = torch.randn(6, 5, generator=torch.Generator().manual_seed(1))
    big = torch.randn(2000, 300)
    shared = torch.arange(10.) - 5
    tensors = {"plain": x, "turned": x.t(), "row": x[2], "steps": x[::2, 1::2], "wide": x[:1].expand(4, 5),
               "half": x.half(), "brain": x.bfloat16(), "double": x.double(), "none": torch.zeros(0, 3),
               "number": torch.tensor(-1.5), "big": big, "bigt": big.t(), "deep": torch.randn(3, 4, 5).permute(2, 0, 1),
               "first": shared[:5], "last": shared[5:], "param": torch.nn.Parameter(x), "m\N{SNOWMAN}/x": x}
    others = {"epoch": 3, "loss": 0.5, "text": "hi", "dtype": torch.float32, "size": torch.Size([1, 2]), "nothing": None,
              "device": torch.device("cpu"), "flag": True, "large": 1 << 40, "larger": 1 << 70, "less": -1 << 40}
    value = {"tensors": tensors, "list": [x, (x[0], {"in": x})], "other": others}
    s.write("a.pt", saved(value))
    flat = {f"tensors.{name}": one for name, one in tensors.items()}
    flat.update({"list.0": x, "list.1.0": x[0], "list.1.1.in": x})
    found = json.loads(s.result("--list", "--to", "json", "a.pt"))
    need([e["name"] for e in found] == list(flat), [e["name"] for e in found])
    for entry in found:
        one = flat[entry["name"]]
        need(entry["shape"] == list(one.shape) and entry["dtype"] == str(one.dtype).removeprefix("torch."), entry)
    for threads in "12":
        s.result("a.pt", "--mode", "relu", "--threads", threads, "-o", "out.safetensors")
        data = s.read("out.safetensors")
        size = struct.unpack("<Q", data[:8])[0]
        header = json.loads(data[8:8 + size])
        for name, one in flat.items():
            begin, end = header[name]["data_offsets"]
            want = torch.relu(one.detach().float() if one.dtype == torch.half else one.detach()).to(one.dtype).contiguous()
            raw = want.view(torch.int16).numpy().tobytes() if one.dtype == torch.bfloat16 else want.numpy().tobytes()
            need(data[8 + size + begin:8 + size + end] == raw, name)
    need(s.result("--key", "tensors.turned", "--to", "json", data=s.read("a.pt")) ==
         s.result("--key", "tensors.turned", "--to", "json", "a.pt"), "from a pipe")


@row
def models_and_single_tensors_are_read(s):
    with_torch()
    model = torch.nn.Sequential(torch.nn.Linear(3, 2), torch.nn.ReLU(), torch.nn.BatchNorm1d(2))
    s.write("model.pth", saved(model.state_dict()))
    names = [e["name"] for e in json.loads(s.result("--list", "--to", "json", "model.pth"))]
    need(names == list(model.state_dict()), names)
    s.run("model.pth", "--key", "2.bias", "--to", "csv").gives(b"0.0\n0.0\n")
    s.write("x", saved(torch.tensor([1., -2.])))
    s.run("x").gives(b"tensor([ 1.0000, -0.0200])\n")
    optimizer = torch.optim.Adam(model.parameters())
    model(torch.ones(4, 3)).sum().backward()
    optimizer.step()
    s.write("check.pt", saved({"model": model.state_dict(), "optimizer": optimizer.state_dict(), "epoch": 1}))
    s.run("--list", "check.pt").succeeds()
    s.write("whole.pt", saved(model))
    s.run("whole.pt").refuses("whole.pt:.*data.pkl: the pickle names 'torch.nn.modules.*nothing of it is run")
    s.write("old.pt", saved(torch.ones(2), _use_new_zipfile_serialization=False))
    s.run("old.pt").refuses("the format of releases before 1.6 .python3 -c")


@row
def figures_of_what_torch_has_saved_merge(s):
    with_torch()
    base = torch.randn(40, 6)
    s.write("a.pt", saved({"rows": base, "turned": base.t(), "shared": base[::2, 1:], "deep": {"x": torch.randn(30)}}))
    figures_merge(s, "a.pt", ["rows", "turned", "shared", "deep.x"])
    figures = {name: json.loads(s.result("compare", "a.pt", "--key", name, "--to", "json"))["tensors"][0]["input"]
               for name in ("rows", "turned", "shared")}
    need(figures["rows"] == figures["turned"] and figures["shared"]["positive"] == int((base[::2, 1:] > 0).sum()), figures)


@row
def nothing_of_a_pickle_is_run(s):
    class Evil:
        def __init__(self, function, *arguments):
            self.call = function, arguments

        def __reduce__(self):
            return self.call

    mark = s.path / "run"
    for protocol in (0, 1, 2, 3, 4, 5):
        for evil in (Evil(os.system, f"touch {mark}"), Evil(eval, f"open({str(mark)!r}, 'w')"), Evil(getattr, os, "system"),
                     Evil(exec, "1"), Evil(__import__, "os"), [Evil(open, str(mark), "w")], {"a": Evil(print, "x")}):
            if protocol < 2 and isinstance(evil, Evil) and evil.call[0] is getattr:
                continue
            try:
                data = pickle.dumps(evil, protocol)
            except (pickle.PicklingError, TypeError):  # a module cannot be pickled
                continue
            s.run(data=archive(data)).refuses("the pickle (names|has the opcode)")
    for name in ("torch\nload", "torch.hub\nload", "builtins\ngetattr", "torch._utils\n_rebuild_device_tensor", "torch\nnn.Storage",
                 "os\nsystem\0", "numpy.core.multiarray\n_reconstruct", "collections\nOrderedDict.fromkeys", "__main__\nTorch"):
        s.run(data=of(b"c" + name.encode() + b"\n)R")).refuses("the pickle names")
    s.run(data=of(b"(S'a'\ni")).refuses("opcode")
    for opcode in set(range(256)) - set(b"\x80\x95.(NJKMGXUTCB)t]ae}suqrhjcRbQ\x88\x89\x8a\x8c\x8d\x85\x86\x87\x93\x94"):
        s.run(data=of(bytes([opcode]) * 9)).refuses("the pickle has the opcode")
    need(not mark.exists(), "a pickle was run")


@row
def a_dtype_without_a_storage_of_its_own_is_read(s):
    # torch.save of a uint16 tensor since 2.3: bytes, and behind the hooks the dtype.
    storage = b"(" + text("storage") + b"ctorch.storage\nUntypedStorage\n" + text("0") + text("cpu") + whole(8) + b"tQ"
    pickled = (b"ctorch._utils\n_rebuild_tensor_v3\n(" + storage + whole(0) + numbers((2, 2)) + numbers((1, 2)) +
               b"\x89ccollections\nOrderedDict\n)Rctorch\nuint16\ntR")
    data = of(named(pickled), packed([1, 2, 3, 65535], "<u2"))
    s.run("--key", "a", "--mode", "relu", data=data).gives(
        b"a:\ntensor([[    1,     3],\n        [    2, 65535]], dtype=torch.uint16)\n")
    s.run("--dtype", "float32", "--mode", "relu", "--to", "csv", data=data).gives(b"1.0,3.0\n2.0,65535.0\n")


@row
def what_stands_beside_the_numbers_of_a_tensor_is_not_overlooked(s):
    """The bits of views that PyTorch saves since 2.0: a tensor may be the negative of its storage."""
    def bits(*pairs):
        return b"}" + b"".join(text(key) + value + b"s" for key, value in pairs)

    true = b"\x88"
    for kind, code, values in (("Float", "<f4", [1, -2, 0]), ("Double", "<f8", [1, -2, 0]), ("Half", "<f2", [1, -2, 0]),
                               ("Long", "<i8", [1, -2, 2]), ("Char", "<i1", [1, -2, -128]), ("Byte", "<u1", [1, 0, 255])):
        data = packed(values, code)
        one = of(named(tensor((3,), elements=3, type=f"torch\n{kind}Storage", more=bits(("neg", true)))), data)
        found = s.result("--mode", "relu", "--to", "json", "--key", "a", data=one)
        wanted = {"Char": [0, 2, 0], "Byte": [255, 0, 1], "Long": [0, 2, 0]}.get(kind, [0, 2, 0])
        need(json.loads(found) == {"a": wanted}, kind, found)
    plain = s.result("--to", "json", data=of(named(tensor(more=b"N"))))
    need(plain == GOOD == s.result("--to", "json", data=of(named(tensor(more=b"}")))), "without bits")
    s.run(data=of(named(tensor(more=bits(("neg", true)))))).gives(b"a:\ntensor([-0.0100,  2.0000])\n")
    for more, why in ((bits(("conj", true)), "a: it is said to be conjugated, and its dtype float32 is not complex"),
                      (bits(("neg", true), ("zero", true)), "a: its metadata have 'zero', where 'conj' and 'neg' are known"),
                      (bits(("neg", b"\x89")), "a: its metadata have 'neg' that is not True .torch.save what resolve_conj"),
                      (b"}K\x01\x88s", "a: its metadata have 'another key"), (b"]", "a: its metadata are not a dict")):
        s.run(data=of(named(tensor(more=more)))).refuses(why)
    s.run(data=of(named(tensor((8,), elements=8, type="torch\nBoolStorage", more=bits(("neg", true)))))).refuses("bool has no sign")


@row
def names_without_end_are_refused_before_they_are_made(s):
    """Lists of lists that are the same: 900 bytes that name ten million tensors."""
    def nested(levels, width=10):
        """A list of `width` times the one before it, and nothing else left on the stack."""
        pickled = tensor()
        for _ in range(levels):
            pickled = b"](" + pickled + b"q\x63" + b"h\x63" * (width - 1) + b"e"
        return pickled

    limits = {"before": s.limited_memory(250000), "seconds": patience(20)}
    for value, why in ((nested(7), "10000000 names for 1 tensor, and at most 100000 are"),
                       (nested(60), "more than 10.12 names for 1 tensor"),
                       (b"}" + text("k" * 60000) + nested(1, 100000) + b"s", "names of its tensors take 60006.* bytes")):
        s.write("bomb.pt", of(value))
        for how in (["--list"], []):
            s.run("bomb.pt", *how, **limits).refuses("bomb.pt: .*" + why)
    # A list of many numbers that is passed on a hundred thousand ways to its tensor.
    inner = b"](" + tensor() + b"N" * 1000 + b"eq\x63"
    s.run(data=of(b"](" + inner + b"h\x63" * 99999 + b"e"), **limits).refuses("lists and dicts have 100800000 items")
    found = s.result("--list", data=of(nested(4)), **limits).splitlines()
    need(len(found) == 10000 and found[0].startswith(b"0.0.0.0 ") and found[-1].startswith(b"9.9.9.9 "), len(found))


@row
def keys_of_dicts_are_called_as_python_shows_them(s):
    with_torch()
    x = torch.tensor([1., -1.])
    keys = [1.5, None, (1, 2), ("a'b", (1e-5, True), 'c"d\n'), (), (7,), True, False, -3, 7, 1 << 70, -(1 << 63), -1 << 200, float("inf"),
            1e16, torch.float32, "plain", ""]
    s.write("a.pt", saved({key: x * i for i, key in enumerate(keys)}))
    found = json.loads(s.result("--slope", "1", "--to", "json", "a.pt"))
    need(found == {str(key): [float(i), -float(i)] for i, key in enumerate(keys)}, found)


@row
def two_tensors_of_one_name_have_no_object(s):
    with_torch()
    x = torch.tensor([1., -1.])
    s.write("a.pt", saved({"a.b": x, "a": {"b": 3 * x}}))
    for to in ("json", "npz", "safetensors"):
        s.run("a.pt", "--to", to, "-o", "out").refuses("a.pt: two tensors are called 'a.b'")
    s.run("a.pt", "--to", "json").refuses("two tensors are called 'a.b' .--to jsonl")
    s.run("a.pt", "--to", "jsonl", "--mode", "relu").gives(b'{"a.b": [1.0, 0.0]}\n{"a.b": [3.0, 0.0]}\n')
    s.write("b.pt", saved({"": x, "arr_0": x}))
    s.run("b.pt", "--to", "json", "--mode", "relu").gives(b'{"": [1.0, 0.0], "arr_0": [1.0, 0.0]}\n')
    s.write("c.pt", saved(x))
    s.run("c.pt", "--to", "json", "--mode", "relu").gives(b"[1.0, 0.0]\n")


@row
def a_view_of_nothing_may_begin_anywhere(s):
    with_torch()
    x = torch.zeros(6, 8)
    s.write("a.pt", saved({"corner": x[6:, 8:], "below": x[6:], "beside": x[:, 8:], "x": x[:1, :1]}))
    found = json.loads(s.result("--to", "json", "a.pt"))
    need(found == {"corner": [], "below": [], "beside": [[]] * 6, "x": [[0.0]]}, found)
    s.run("--to", "json", data=of(named(tensor(shape=(0, 9), strides=(1 << 30, 1 << 30), offset=2**31 - 1)))).gives(b'{"a": []}\n')


@row
def the_bytes_of_every_dtype_are_listed(s):
    with_torch()
    s.write("a.pt", saved({"c": torch.zeros(3, 2, dtype=torch.complex64), "d": torch.zeros(2, dtype=torch.complex128),
                           "none": torch.zeros(0, 4, dtype=torch.complex64), "x": torch.zeros(1)}))
    found = json.loads(s.result("--list", "--to", "json", "a.pt"))
    need([(e["dtype"], e["bytes"]) for e in found] == [("complex64", 48), ("complex128", 32), ("complex64", 0), ("float32", 4)], found)
    storage = b"(" + text("storage") + b"ctorch.storage\nUntypedStorage\n" + text("0") + text("cpu") + whole(8) + b"tQ"
    pickled = (b"ctorch._utils\n_rebuild_tensor_v3\n(" + storage + whole(0) + numbers((2, 4)) + numbers((4, 1)) +
               b"\x89ccollections\nOrderedDict\n)Rctorch\nfloat8_e4m3fn\ntR")
    s.run("--list", data=of(named(pickled), bytes(8))).gives(b"a  float8_e4m3fn  [2, 4]  8\n")


@row
def tensors_that_lie_are_refused(s):
    s.run("--to", "json", data=of(named(tensor()))).gives(GOOD)
    s.run("--to", "json", data=of(named(tensor()), byteorder="big")).succeeds()
    for value, why in (
            (tensor(shape=(3,)), "beyond the end of its storage"), (tensor(offset=1), "beyond the end"),
            (tensor(strides=(2,)), "beyond the end"), (tensor(shape=(2, 2), strides=(2, 1)), "beyond the end"),
            (tensor(shape=(-1,)), "not a whole number"), (tensor(strides=(-1,)), "not a whole number"),
            (tensor(offset=-1), "not a whole number"), (tensor(strides=()), "1 sizes and 0 strides"),
            (tensor(elements=3), "said to have 3 elements, and has 8 bytes"), (tensor(elements=1), "said to have 1"),
            (tensor(key="1"), "storage '1' is not in the archive"), (tensor(key="../version"), "not in the archive"),
            (tensor(shape=(2**31 - 1, 2**31 - 1, 2**31 - 1), strides=(0, 0, 0)), "elements|bytes|beyond|too"),
            (tensor(shape=(2, 2**31 - 1), strides=(2**31 - 1, 2**31 - 1)), "beyond the end"),
            (tensor(word="module"), "not named as torch.save"),
            (tensor(type="torch\nComplexFloatStorage"), "dtype 'complex64' is not supported"),
            (tensor(type="torch\nQInt8Storage"), "dtype 'qint8' is not supported"),
            (tensor(type="torch\nfloat32"), "not supported|not named"),
            (tensor(function="torch\nSize"), "calls torch.Size with 6"),
            (b"ctorch._utils\n_rebuild_parameter\n(K\x01K\x02K\x03tR", "parameter of what is not a tensor"),
            (b"K\x01", "no tensor in it"), (b"]", "no tensor in it"), (b"", "takes a value where none is"),
            (b"K\x01K\x02", "more than one value"), (b"h\x00", "asks for what it has not remembered"), (b"t", "mark"),
            (b"K\x01K\x02s", "adds to what is not|takes"), (b"]]]a", "more than one|"), (b"}(K\x01u", "a list or a dict"),
            (b"X\xff\xff\xff\x7f", "ends too early"), (b"\x8a\xff", "ends too early"), (b"\x80\x09", "protocol 9"),
            (b"]q\x00h\x00a", "nested more than 64 deep, or in itself"),
            (b"(]q\x00" + b"(h\x00h\x00tq\x00" * 60 + b"t", "no tensor in it"), (b"(" * 100000 + b"t" * 100000, "deep|mark"),
            (b"]" * 5000000, "four million"),
            (b"](" + b"N" * 1000 + b"tq\x00" + b"h\x00Q" * 5000 + b"e", "four million"),
            (b"ctorch\ndevice\nq\x00(" + text("x" * 1000000) + b"tq\x01" + b"h\x00h\x01R" * 100, "repeats texts of more"),
            (text("torch." + "x" * 70000) + text("Storage") + b"\x93", "a name that is too long"),
            (b"](" + (b"\x8a\xff" + b"\x7f" * 255) * 20000 + b"e", "no tensor in it"),
            (b"}(" + text("a") + tensor() + text("a") + tensor() + b"u", "a dict has the key 'a' twice"),
            (b"}(" + text("a") + tensor() + b"u" + text("a") + b"Ns", "a dict has the key 'a' twice"),
            (b"}(" + whole(1) + tensor() + whole(1) + tensor() + b"u", "a dict has the key 1 twice"),
            (b"}(" + b"\x88" + tensor() + b"\x88" + tensor() + b"u", "a dict has the key True twice"),
            (b"}(" + (numbers((1, 2)) + tensor()) * 2 + b"u", "a dict has the key .1, 2. twice"),
            (b"}" + b"".join(b"r" + struct.pack("<I", i) for i in range(1000000)), "no tensor in it")):
        s.run(data=of(value), seconds=patience(20), before=s.limited_memory(2000000)).refuses(why)
    s.run(data=archive(b"\x80\x02" + tensor())).refuses("ends too early")
    damaged = of(named(tensor())).replace(packed([1, -2]), packed([1, -3]))
    s.run("--to", "npy", "-o", "out", data=damaged).says("checksum")


@row
def a_key_may_have_any_number_of_bits(s):
    for number in (2**63, -2**63 - 1, 10**18, 2**2000 + 1, -10**600):
        size = number.bit_length() // 8 + 1
        key = b"\x8a" + bytes([size]) + number.to_bytes(size, "little", signed=True)
        s.run("--to", "json", data=of(b"}" + key + tensor() + b"s")).gives(b'{"%d": [1.0, -0.02]}\n' % number)


@row
def a_storage_may_have_a_rest_that_is_no_element(s):
    s.run("--to", "json", data=of(named(tensor()), packed([1, -2]) + b"x")).gives(GOOD)


@row
def views_of_every_kind_are_gathered(s):
    with_torch()
    base = torch.arange(300000, dtype=torch.float32) - 150000
    views = {"narrow": base.view(3000, 100)[:, 3:10], "far": base.view(30, 10000)[:, ::5000], "turned": base.view(3000, 100).T,
             "apart": base.view(300, 20, 50).permute(1, 2, 0)[:, ::7, 1:], "windows": base[:20000].unfold(0, 90, 40),
             "wide": base.view(1, 300000).expand(2, 300000)[:, ::3], "deep": base.view(50, 60, 100)[::2, 5:50, ::9].transpose(0, 2)}
    s.write("v.pt", saved(views))
    for name, view in views.items():
        s.run("v.pt", "--key", name, "--mode", "relu", "--to", "npy", "-o", "v.npy").succeeds()
        got = torch.frombuffer(bytearray(s.read("v.npy")[-4 * view.numel():]), dtype=torch.float32)
        need(torch.equal(got, view.clamp(min=0).reshape(-1)), name)


@row
def every_byte_of_a_pickle_may_be_wrong(s):
    pickled = b"\x80\x02" + named(tensor()) + b"."
    for place in range(len(pickled)):
        for byte in {pickled[place] ^ 1, pickled[place] ^ 128, random.Random(place).randrange(256)}:
            data = archive(pickled[:place] + bytes([byte]) + pickled[place + 1:], [packed([1, -2])])
            outcome = s.run("--to", "json", data=data)
            if outcome.status:
                outcome.need_one_clean_line(place, byte)
        s.run("--to", "npz", "-o", "out", data=archive(pickled[:place], [packed([1, -2])])).says("the pickle")

#!/usr/bin/python3
"""samples/dump_activations.py with a real PyTorch: dump_activations.py BINARY

A small network learns to copy real data (samples/data/layer1.npy) at too high a learning rate; what its rectifiers receive
is dumped, read by readers of this file, and compared with what the hooks of this file see. The dead units that rectify
reports are those that PyTorch's own gradients show. Without PyTorch, or where RECTIFY_QUICK is set: skipped, exit 77.
"""
import json
import os
import pathlib
import struct
import subprocess
import sys
import tempfile
import zipfile

sys.dont_write_bytecode = True  # in the tree
if os.environ.get("RECTIFY_QUICK"):
    print("skipped: PyTorch (--quick)")
    sys.exit(77)
try:
    import numpy as np
    import torch
except ImportError:
    print("skipped: no PyTorch")
    sys.exit(77)

PROJECT = pathlib.Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(PROJECT / "samples"))
import dump_activations  # noqa: E402 (found by the line above)

passed, failed = 0, []


def check(ok, what):
    global passed
    if ok:
        passed += 1
    else:
        failed.append(what)


def raises(kind, word, call):
    try:
        call()
    except kind as error:
        check(word in str(error), f"{error!r} says nothing of {word!r}")
    else:
        check(False, f"nothing was raised that says {word!r}")


def read_safetensors(path):
    """After the format's own description, by nothing of rectify's."""
    data = pathlib.Path(path).read_bytes()
    (length,) = struct.unpack("<Q", data[:8])
    header = json.loads(data[8:8 + length])
    body, end, tensors = data[8 + length:], 0, {}
    for name, entry in header.items():
        if name == "__metadata__":
            continue
        begin, behind = entry["data_offsets"]
        check(begin == end, f"{name} begins at {begin}, behind {end}")
        end = behind
        dtype = {"F64": torch.float64, "F32": torch.float32, "F16": torch.float16, "BF16": torch.bfloat16}[entry["dtype"]]
        raw = torch.frombuffer(bytearray(body[begin:behind]), dtype=torch.uint8) if behind > begin else torch.empty(0, dtype=torch.uint8)
        tensors[name] = raw.view(dtype).reshape(entry["shape"])
    check(end == len(body) and length % 8 == 0, "the data end where the file does, the header at a multiple of 8")
    return tensors


def read_npz(path):
    with np.load(path, allow_pickle=False) as arrays:
        return {name: torch.from_numpy(arrays[name].copy()) for name in arrays.files}


def trained():
    """A network with units that have died, and its data in batches."""
    torch.manual_seed(1)
    data = torch.from_numpy(np.load(PROJECT / "samples" / "data" / "layer1.npy"))
    model = torch.nn.Sequential(torch.nn.Linear(32, 24), torch.nn.ReLU(inplace=True), torch.nn.Linear(24, 16), torch.nn.ReLU(),
                                torch.nn.Linear(16, 32))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.4)
    for _ in range(30):
        optimizer.zero_grad()
        torch.nn.functional.mse_loss(model(data), data).backward()
        optimizer.step()
    return model, list(data.split(100))


def seen(model, batches):
    """What the rectifiers receive, by hooks of our own on the layers before them."""
    found = {"1": [], "3": []}
    handles = [model[i].register_forward_hook(lambda _, __, out, key=str(i + 1): found[key].append(out.detach().clone())) for i in (0, 2)]
    with torch.no_grad():
        for batch in batches:
            model(batch)
    for handle in handles:
        handle.remove()
    return {name: torch.cat(parts) for name, parts in found.items()}


def dead_by_torch(x):
    x = x.clone().requires_grad_()
    torch.nn.functional.relu(x).sum().backward()
    return [i for i, alive in enumerate((x.grad != 0).any(0).tolist()) if not alive]


def dead_by_rectify(binary, *arguments):
    done = subprocess.run([binary, "compare", *map(str, arguments), "--to", "json"], capture_output=True, text=True, timeout=60, check=False)
    check(done.returncode == 0, done.stderr)
    return {tensor["source"]: tensor["activations"][0]["dead_at"] for tensor in json.loads(done.stdout)["tensors"]}


class Nothing(torch.nn.Module):
    """Calls its rectifier without an argument."""

    def __init__(self):
        super().__init__()
        self.act = torch.nn.ReLU()

    def forward(self, _):
        return self.act()


def main():
    binary = pathlib.Path(sys.argv[1]).resolve()
    model, batches = trained()
    expected = seen(model, batches)
    hooks = len(model[1]._forward_pre_hooks)
    with tempfile.TemporaryDirectory(prefix="rectify-dump-") as name:
        folder = pathlib.Path(name)
        for file, read in (("acts.safetensors", read_safetensors), ("acts.npz", read_npz)):
            model.train()
            shapes = dump_activations.dump(model, batches, folder / file)
            check(model.training and len(model[1]._forward_pre_hooks) == hooks and "forward" not in vars(model[1]), "the model is left as it was")
            check(shapes == {key: tuple(x.shape) for key, x in expected.items()}, f"the shapes are {shapes}")
            got = read(folder / file)
            check(list(got) == list(expected), f"{file} has {list(got)}")
            for key, x in expected.items():
                check(torch.equal(got[key], x), f"{file}: {key} differs")
        check(zipfile.ZipFile(folder / "acts.npz").testzip() is None, "the zip is whole")

        dead = {key: dead_by_torch(x) for key, x in expected.items()}
        check(any(dead.values()), f"no unit has died: {dead}")
        for key, x in expected.items():
            np.save(folder / f"{key}.npy", x.numpy())
            check(dead_by_rectify(binary, folder / f"{key}.npy") == {str(folder / f"{key}.npy"): dead[key]}, f"layer {key}")

        # Other dtypes, batches as pairs, a module called twice, inputs of more dimensions.
        class Twice(torch.nn.Module):
            def __init__(self):
                super().__init__()
                self.act = torch.nn.LeakyReLU(0.1)

            def forward(self, x):
                return self.act(self.act(x) - 1)

        for dtype in (torch.float64, torch.float16, torch.bfloat16):
            pairs = [(torch.randn(2, 3, 4, dtype=torch.float64).to(dtype), torch.zeros(2)) for _ in range(3)]
            if dtype == torch.float16:  # which older releases have no leaky_relu for
                pairs = [(x.float(), y) for x, y in pairs]
            dump_activations.dump(Twice(), pairs, folder / "twice.safetensors")
            got = read_safetensors(folder / "twice.safetensors")
            whole = torch.cat([x for x, _ in pairs])
            check(torch.equal(got["act"], whole), f"{dtype}: act")
            check(torch.equal(got["act.1"], torch.nn.functional.leaky_relu(whole, 0.1) - 1), f"{dtype}: act.1")
        # Submodules that are frozen stay so, whatever the others' mode; a rectifier's own forward stays its own.
        frozen = torch.nn.Sequential(torch.nn.BatchNorm1d(3).eval(), torch.nn.ReLU(), torch.nn.Sequential(torch.nn.Dropout().eval(), torch.nn.ReLU()))
        own = frozen[1].forward = lambda x: x - 1
        modes = [module.training for module in frozen.modules()]
        dump_activations.dump(frozen, [torch.ones(2, 3)], folder / "frozen.safetensors")
        check([module.training for module in frozen.modules()] == modes, "each module's own mode")
        check(vars(frozen[1])["forward"] is own and "forward" not in vars(frozen[2][1]), "a forward of its own")

        # An argument by its name, and names that would be the same.
        class Named(torch.nn.ReLU):
            def __init__(self):
                super().__init__()
                self.add_module("1", torch.nn.ReLU())
                self.Named = torch.nn.ReLU()

            def forward(self, input):
                return self.Named(input=getattr(self, "1")(input=input) + 1)

        class Above(torch.nn.Module):
            def __init__(self):
                super().__init__()
                self.act = Named()

            def forward(self, x):
                return self.act(input=self.act(input=x) + 1)

        x = torch.tensor([[-1.0, 2.0]])
        dump_activations.dump(Above(), [x, x], folder / "above.safetensors")
        got = {name: tensor[0].tolist() for name, tensor in read_safetensors(folder / "above.safetensors").items()}
        check(got == {"act": [-1, 2], "act.1": [-1, 2], "act.Named": [1, 3], "act.1'": [2, 4], "act.1.1": [2, 4], "act.Named.1": [3, 5]}, got)
        dump_activations.dump(Named(), [x], folder / "root.safetensors")
        got = list(read_safetensors(folder / "root.safetensors"))
        check(got == ["Named'", "1", "Named"], got)
        raises(TypeError, "input", lambda: dump_activations.dump(Nothing(), [x], folder / "a.npz"))

        raises(TypeError, "bfloat16", lambda: dump_activations.dump(Twice(), [torch.zeros(2, 2, dtype=torch.bfloat16)], folder / "b.npz"))

        raises(ValueError, ".npz", lambda: dump_activations.dump(model, batches, folder / "acts.pt"))
        raises(ValueError, "no rectifier among", lambda: dump_activations.dump(torch.nn.Linear(2, 2), [], folder / "a.npz"))
        raises(ValueError, "no rectifier was called", lambda: dump_activations.dump(model, [], folder / "a.npz"))
        raises(ValueError, "one shape", lambda: dump_activations.dump(Twice(), [torch.zeros(1, 2), torch.zeros(1, 3)], folder / "a.npz"))
        raises(TypeError, "int64", lambda: dump_activations.dump(torch.nn.Sequential(torch.nn.ReLU()), [torch.zeros(1, 2).long()], folder / "a.npz"))
        raises(RuntimeError, "", lambda: dump_activations.dump(model, [torch.zeros(1, 7)], folder / "a.npz"))
        left = sorted(path.name for path in folder.iterdir())
        check(not [name for name in left if name in ("a.npz", "b.npz") or name.startswith(".")], f"left behind: {left}")
    for what in failed:
        print("failed:", what)
    print(f"{passed} passed, {len(failed)} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())

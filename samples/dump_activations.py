"""From a PyTorch model to the file that `rectify compare` reads: what each rectifier receives, layer by layer.

    import torch
    from dump_activations import dump

    dump(model, loader, "acts.safetensors")        # or "acts.npz"

Then, in a shell:

    rectify compare acts.safetensors

`loader` is anything that gives batches: a DataLoader, a list of tensors. Of a pair (x, y) the first is what the model is
called with. Memory does not grow with the number of batches: each layer goes to a file of its own until all have been
seen. The model is left as it was: nothing stays in it, and each module is put back into its own mode (train or eval). Needs
PyTorch alone, 1.13 or newer.

Only modules are seen, such as torch.nn.ReLU: a call of torch.nn.functional.relu has nothing to hook. A module that is
called several times in a forward pass gives several layers: "act", "act.1", "act.2" (with ' behind it where another module
is called so).
"""
import json
import os
import shutil
import struct
import tempfile
import zipfile

import torch

# What can have dead units, or lets little through; pass `kinds` for others.
RECTIFIERS = (torch.nn.ReLU, torch.nn.LeakyReLU, torch.nn.ReLU6, torch.nn.PReLU, torch.nn.RReLU, torch.nn.ELU, torch.nn.SELU,
              torch.nn.CELU, torch.nn.GELU, torch.nn.SiLU, torch.nn.Mish, torch.nn.Hardswish, torch.nn.Softplus)

# safetensors' names; NumPy's, where it has the dtype.
DTYPES = {torch.float64: ("F64", "<f8"), torch.float32: ("F32", "<f4"), torch.float16: ("F16", "<f2"),
          torch.bfloat16: ("BF16", None)}


class Layer:
    """The inputs of one call of one module, batch after batch, in a file."""

    def __init__(self, name, folder, number):
        self.name, self.dtype, self.shape = name, None, None
        self.path = os.path.join(folder, str(number))

    def add(self, x):
        x = x.detach().cpu().contiguous()
        if x.dtype not in DTYPES:
            raise TypeError(f"{self.name}: {x.dtype} is not a floating dtype that can be written")
        if x.dim() == 0:
            x = x.reshape(1)
        if self.shape is None:
            self.dtype, self.shape = x.dtype, [0, *x.shape[1:]]
        if x.dtype != self.dtype or list(x.shape[1:]) != self.shape[1:]:
            raise ValueError(f"{self.name}: a batch of {x.dtype} {list(x.shape)} after {self.dtype} {self.shape}: "
                             "samples must have one shape")
        self.shape[0] += x.shape[0]
        with open(self.path, "ab") as file:
            # NumPy has no bfloat16: its bytes go as those of integers.
            file.write((x.view(torch.int16) if x.dtype == torch.bfloat16 else x).numpy().tobytes())

    def size(self):
        return os.path.getsize(self.path)


def dump(model, batches, path, kinds=RECTIFIERS, device=None):
    """Runs `model` on all batches and writes what its rectifiers receive to `path`, a .safetensors or .npz file, which
    appears whole or not at all. Returns {name: shape} in the order in which the layers are first called."""
    path = os.fspath(path)
    write = {".safetensors": write_safetensors, ".npz": write_npz}.get(os.path.splitext(path)[1])
    if write is None:
        raise ValueError(f"{path}: the name must end in .safetensors or .npz")
    modules = [(name, module) for name, module in model.named_modules() if isinstance(module, kinds)]
    if not modules:
        raise ValueError("the model has no rectifier among its modules: calls of torch.nn.functional cannot be seen")
    folder = tempfile.mkdtemp(prefix=".dump-", dir=os.path.dirname(os.path.abspath(path)))
    layers, calls = {}, {}
    taken = {name for name, _ in modules if name}

    def label_of(name, call):
        """A name for a call of a module that no other module has, and no other call."""
        label = (name or type(model).__name__) + (f".{call}" if call else "")
        while label in taken and (call or not name):
            label += "'"
        taken.add(label)
        return label

    def watched(name, forward):
        """Instead of a hook: a hook of older releases is not told of an argument that is given by its name."""
        def call_of(*args, **kwargs):
            if not args and not kwargs:
                return forward()  # which tells what it misses
            call = calls[name] = calls.get(name, -1) + 1
            if (name, call) not in layers:
                layers[name, call] = Layer(label_of(name, call), folder, len(layers))
            layers[name, call].add((*args, *kwargs.values())[0])
            return forward(*args, **kwargs)
        return call_of

    was_training = [(module, module.training) for module in model.modules()]
    own = [(module, vars(module).get("forward")) for _, module in modules]
    try:
        for name, module in modules:
            module.forward = watched(name, module.forward)
        model.eval()
        with torch.no_grad():
            for batch in batches:
                calls.clear()
                x = batch[0] if isinstance(batch, (tuple, list)) else batch
                model(x if device is None else x.to(device))
        if not layers:
            raise ValueError("no rectifier was called: there were no batches, or the model does not use them")
        whole = os.path.join(folder, "whole")
        write(whole, list(layers.values()))
        os.replace(whole, path)
    finally:
        for module, forward in own:
            vars(module).pop("forward", None)
            if forward is not None:
                module.forward = forward
        for module, training in was_training:
            module.training = training
        shutil.rmtree(folder)
    return {layer.name: tuple(layer.shape) for layer in layers.values()}


def write_safetensors(path, layers):
    """Length of the header, the header as JSON, the tensors one after the other."""
    header, begin = {"__metadata__": {"format": "pt"}}, 0
    for layer in layers:
        end = begin + layer.size()
        header[layer.name] = {"dtype": DTYPES[layer.dtype][0], "shape": layer.shape, "data_offsets": [begin, end]}
        begin = end
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as out:
        out.write(struct.pack("<Q", len(text)) + text)
        for layer in layers:
            with open(layer.path, "rb") as data:
                shutil.copyfileobj(data, out)


def write_npz(path, layers):
    """A zip of .npy files, stored as they are, which rectify reads at the speed of .npy."""
    with zipfile.ZipFile(path, "w") as out:
        for layer in layers:
            descr = DTYPES[layer.dtype][1]
            if descr is None:
                raise TypeError(f"{layer.name}: NumPy has no {layer.dtype}: write a .safetensors file")
            shape = ", ".join(map(str, layer.shape)) + ("," if len(layer.shape) == 1 else "")
            text = f"{{'descr': '{descr}', 'fortran_order': False, 'shape': ({shape}), }}"
            text += " " * (-(10 + len(text) + 1) % 64) + "\n"
            with out.open(layer.name + ".npy", "w", force_zip64=True) as member, open(layer.path, "rb") as data:
                member.write(b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text.encode())
                shutil.copyfileobj(data, member)

"""From a PyTorch model to the file that `rectify compare` reads: what each rectifier receives, layer by layer.

    import torch
    from dump_activations import dump

    dump(model, loader, "acts.safetensors")        # or "acts.npz"

Then, in a shell:

    rectify compare acts.safetensors

`loader` is anything that gives batches: a DataLoader, a list of tensors. Of a pair (x, y) the first is what the model is
called with. Memory does not grow with the number of batches: each layer goes to a file of its own until all have been
seen. The model is left as it was: no hook stays, its mode (train or eval) is restored. Needs PyTorch alone, 1.13 or newer.

Only modules are seen, such as torch.nn.ReLU: a call of torch.nn.functional.relu has nothing to hook. A module that is
called several times in a forward pass gives several layers: "act", "act.1", "act.2".
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
    modules = [(name or type(module).__name__, module) for name, module in model.named_modules() if isinstance(module, kinds)]
    if not modules:
        raise ValueError("the model has no rectifier among its modules: calls of torch.nn.functional cannot be seen")
    folder = tempfile.mkdtemp(prefix=".dump-", dir=os.path.dirname(os.path.abspath(path)))
    layers, calls = {}, {}

    def hook_of(name):
        def hook(_, inputs):
            call = calls[name] = calls.get(name, -1) + 1
            key = name if call == 0 else f"{name}.{call}"
            if key not in layers:
                layers[key] = Layer(key, folder, len(layers))
            layers[key].add(inputs[0])
        return hook

    was_training = model.training
    handles = [module.register_forward_pre_hook(hook_of(name)) for name, module in modules]
    try:
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
        for handle in handles:
            handle.remove()
        model.train(was_training)
        shutil.rmtree(folder)
    return {name: tuple(layer.shape) for name, layer in layers.items()}


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

#!/usr/bin/env python3
"""Records what NumPy writes for floating-point scalars: numpy_texts.py > numpy_texts.tsv

Columns: dtype, bits in hexadecimal, str(scalar). The values are the same on every run: edges of the
formats, powers of two and of ten with their neighbours, the limits of positional notation, and random
bits. number_test.cpp expects format_number() to give the same texts (recorded with NumPy 1.24.2).
"""

import random

import numpy as np

FORMATS = {"float16": (np.uint16, 10), "float32": (np.uint32, 23), "float64": (np.uint64, 52)}


def bit_patterns(dtype, fraction_bits):
    """Bits of interesting values, most interesting first, possibly repeated."""
    size = 8 * np.dtype(dtype).itemsize
    exponents = 1 << (size - 1 - fraction_bits)
    for exponent in range(0, exponents, max(1, exponents // 128)):
        for offset in (-1, 0, 1):
            yield max(0, (exponent << fraction_bits) + offset)
    for value in [float(f"{digit}e{k}") for k in range(-24, 24) for digit in (1, 2.5, 9.999999)]:
        bits = int(np.array(value).astype(dtype).view(f"u{size // 8}"))
        yield from (max(0, bits - 1), bits, bits + 1)
    random.seed(size)
    for _ in range(400):
        yield random.getrandbits(size)


def main():
    np.seterr(all="ignore")
    for name, (unsigned, fraction_bits) in FORMATS.items():
        for bits in dict.fromkeys(bit_patterns(name, fraction_bits)):
            text = str(np.array(bits, unsigned).view(name)[()])
            print(name, format(bits, f"0{2 * np.dtype(name).itemsize}x"), text, sep="\t")


if __name__ == "__main__":
    main()

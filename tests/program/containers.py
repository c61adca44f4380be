"""Files that hold others: gzip data, and files of several named tensors. What Python's gzip, zipfile and json, NumPy and
PyTorch write is read; what is written, they read."""

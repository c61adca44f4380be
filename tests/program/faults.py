"""Faults of the world around the program: full devices, closed descriptors, signals in the middle of a write, resource
limits, FIFOs, links, eight writers at once, hostile names and documents. Every call of the program may take 20 seconds
and must not die of a signal. The rows are in faults_*.py; here is what they share.
"""
import os
import pathlib
import re
import subprocess

import harness
from harness import ENVIRONMENT, SECONDS, Fault, Skip

ROOT = os.geteuid() == 0
NOTE = re.compile(rb"rectify: note: \d+ values, only edges shown: --to csv gives all\n")


class Outcome(harness.Outcome):
    """`note`: what a shortened print in a file says on standard error, which a row in faults_outputs.py checks for all
    commands; to all others it is silence."""

    def __init__(self, stdout, stderr, status, call=""):
        self.note = stderr if status == 0 and NOTE.fullmatch(stderr) else b""
        super().__init__(stdout, b"" if self.note else stderr, status, call)


class Scratch(harness.Scratch):
    outcome = Outcome

    def plain_user(self):
        """For start(): the process is not root's. The folder is everybody's from here on."""
        if not ROOT:
            return {}
        nobody = {"user": 65534, "group": 65534, "extra_groups": ()}
        self.path.chmod(0o777)
        try:
            subprocess.run([self.binary, "--version"], cwd=self.path, capture_output=True, check=True, **nobody)
        except (OSError, subprocess.CalledProcessError):  # a namespace may have no such user
            raise Skip("nobody but root may run the program where it is") from None
        return nobody

    def shell(self, snippet, shell="sh"):
        """A snippet in which `rectify` is the program."""
        try:
            done = subprocess.run([shell, "-c", f'rectify() {{ "{self.binary}" "$@"; }}\n{snippet}'], cwd=self.path,
                                  env=ENVIRONMENT, stdin=subprocess.DEVNULL, capture_output=True, timeout=SECONDS,
                                  check=False)
        except subprocess.TimeoutExpired:
            raise Fault(f"still running after {SECONDS} seconds") from None
        return Outcome(done.stdout, done.stderr, done.returncode)


def device(name):
    """The name of a device, where there is one: a shell that is root's would make a file of that name."""
    if not pathlib.Path(name).is_char_device():
        raise Skip(f"no {name} here")
    return name


def small_stack(s):
    """`ulimit -s`, unless ThreadSanitizer is in the program, which needs a large one."""
    return "" if s.sanitized_by("tsan") else "ulimit -s 256"


def commands(s):
    """One command for each way through the program; writes the files they read."""
    s.write("big.csv", BIG)
    s.write("part.json", s.run("compare", "big.csv", "--partial").stdout)
    return [*(["big.csv", "--to", to] for to in ("torch", "json", "jsonl", "csv", "tsv", "npy")),
            ["big.csv", "--profile", "full", "--to", "torch"], ["big.csv", "--mode", "relu,leaky", "--to", "json"],
            ["big.csv", "--part", "2/3", "--to", "csv"], ["--randn", "100000", "--seed", "0", "--to", "jsonl"],
            *(["compare", "big.csv", "--to", to] for to in ("table", "json", "jsonl", "csv", "tsv", "markdown")),
            ["compare", "big.csv", "--part", "2/3", "--partial"], ["compare", "--merge", "part.json", "--to", "table"]]


BIG = b"".join(b"%d,-%d\n" % (i, i) for i in range(200000))  # 2.6 MB of CSV

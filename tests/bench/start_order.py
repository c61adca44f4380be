#!/usr/bin/env python3
"""start_order.py BUILD: writes app/start.ld, the order in which a release has its functions.

BUILD is a folder of `cmake --preset release`. A linker has functions in the order of its files, and so those of a short run
lie all over the program, a few in each 64 KiB that the system maps at once when one of them is called. This links the
program with its symbols, lets short runs of every kind take one instruction after the other (ptrace; Linux on x86-64), and
lists the functions they come by. A function that is not in the list, since it is new or another compiler has another name
for it, stands where it would stand without a list: run this again when a start has become slower (`bench.sh`)."""

import bisect
import ctypes
import os
import re
import subprocess
import sys
import tempfile

PTRACE_TRACEME, PTRACE_PEEKUSER, PTRACE_SINGLESTEP = 0, 3, 9
RIP = 16 * 8  # in the kernel's struct user
TABLE = b"1.5,-2\n-0.25,3e5\n"
RUNS = [  # arguments, standard input, environment
    (["--tensor", "[2, -4, 5, -6]"], b"", {}),
    (["--tensor", "[2, -4, 5, -6]"], b"", {"RECTIFY_TARGET": "avx2"}),
    (["--from", "csv"], TABLE, {}),
    ([], b"[[1, -2], [-3.5, 4]]\n", {}),
    (["table.csv", "--to", "npy"], b"", {}),
    (["compare", "table.csv"], b"", {}),
]

HEAD = """/* The functions of a short run, in the order in which it comes by them, in front of all others: so they lie in a dozen
   pieces of 64 KiB instead of fifty, each of which costs a page fault and stays in memory. A linker script for GNU ld and
   lld, made by tests/bench/start_order.py. */
SECTIONS
{
  .text_start :
  {
"""

libc = ctypes.CDLL(None, use_errno=True)
libc.ptrace.restype = ctypes.c_long
libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]


def addresses(program, arguments, standard_input, environment):
    """Where its instructions are, from the beginning of the file, in the order in which they are come by."""
    reading, writing = os.pipe()
    os.write(writing, standard_input)
    os.close(writing)
    child = os.fork()
    if child == 0:
        os.dup2(reading, 0)
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        libc.ptrace(PTRACE_TRACEME, 0, None, None)
        os.execve(program, [program, *arguments], {**os.environ, **environment})
    os.close(reading)
    os.waitpid(child, 0)
    with open(f"/proc/{child}/maps") as maps:
        begin = next(int(line.split("-")[0], 16) for line in maps if program in line)
    found = {}
    while True:
        found.setdefault(libc.ptrace(PTRACE_PEEKUSER, child, RIP, None) & (2**64 - 1))
        libc.ptrace(PTRACE_SINGLESTEP, child, None, None)
        _, status = os.waitpid(child, 0)
        if os.WIFEXITED(status):
            if os.WEXITSTATUS(status) != 0:
                sys.exit(f"start_order.py: {arguments}: status {os.WEXITSTATUS(status)}")
            return [address - begin for address in found]
        if not os.WIFSTOPPED(status):
            sys.exit(f"start_order.py: {arguments}: a signal")


def sections(link_map):
    """Address, size, name and file of each section of code, in ascending order."""
    with open(link_map) as file:
        text = file.read()
    found = re.findall(r"^ (\.text\S*)\s+0x([0-9a-f]+)\s+0x([0-9a-f]+)\s+(\S+)$",
                       text[text.index("Linker script and memory map"):], re.M)
    return sorted((int(at, 16), int(size, 16), name, file) for name, at, size, file in found if int(size, 16))


def pattern(name, file):
    """Its name in a linker script; None for what belongs to the compiler's own objects. The C library's functions have
    no sections of their own."""
    member = re.search(r"/(lib[a-z+]+)[^/]*\.a\((.*)\)$", file)
    if re.search(r"_Z|_GLOBAL_|\.main$", name):
        return f"*({name})"
    return member and f"*{member[1]}*.a:{member[2]}({name})"


def main():
    if len(sys.argv) != 2:
        sys.exit("usage: start_order.py BUILD")
    build = os.path.abspath(sys.argv[1])
    root = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    commands = subprocess.run(["ninja", "-C", build, "-t", "commands", "app/rectify"], check=True, capture_output=True,
                              text=True).stdout.splitlines()
    with tempfile.TemporaryDirectory() as folder:
        program = f"{folder}/rectify"
        link = commands[-1].removeprefix(": && ").removesuffix(" && :").replace(" -s ", " ")
        link = re.sub(r"\S*start\.ld", "", link)
        subprocess.run(link.replace("-o app/rectify", f"-o {program} -Wl,-Map={folder}/map"), shell=True, cwd=build, check=True)
        all_sections = sections(f"{folder}/map")
        begins = [section[0] for section in all_sections]
        os.chdir(folder)
        with open("table.csv", "wb") as table:
            table.write(TABLE)
        patterns = {}
        for run in RUNS:
            for address in addresses(program, *run):
                at, size, name, file = all_sections[bisect.bisect(begins, address) - 1]
                if at <= address < at + size and pattern(name, file):
                    patterns.setdefault(pattern(name, file), size)
    with open(os.path.join(root, "app", "start.ld"), "w") as script:
        script.write(HEAD + "".join(f"    {one}\n" for one in patterns) + "  }\n}\nINSERT BEFORE .text;\n")
    print(f"app/start.ld: {len(patterns)} functions, {sum(patterns.values()) / 1024:.0f} KiB")


main()

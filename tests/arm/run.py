#!/usr/bin/python3
"""The kernels of another architecture give the same bits: run.py SCRATCH

Compiles what of the library has activations for 64-bit ARM, with the options that lib/CMakeLists.txt gives it, and their unit
tests, which need no zlib of that architecture, and runs them under qemu. Debian: g++-aarch64-linux-gnu, qemu-user, nlohmann-json3-dev, doctest-dev. Exits 77 where
one is missing. SCRATCH keeps the object files.
"""
import concurrent.futures
import os
import pathlib
import re
import shutil
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
LIB = ROOT / "lib"
COMPILER, EMULATOR, SYSTEM = "aarch64-linux-gnu-g++", "qemu-aarch64", pathlib.Path("/usr/aarch64-linux-gnu")
HEADERS = ("doctest", "nlohmann")  # of no architecture
SOURCES = ("activation/*.cpp", "kernels/*.cpp", "number/*.cpp", "error.cpp", "mersenne_twister.cpp", "randn.cpp", "tensor.cpp",
           "torch_printer.cpp", "workers.cpp")
TESTS = ("activation",)
KERNEL = ["-O3", "-fno-math-errno", "-fno-trapping-math", "-ffp-contract=off"]


def skip(why):
    print(f"skipped: {why}")
    sys.exit(77)


def sources():
    listed = set(re.findall(r"^\s+src/(\S+\.cpp)$", (LIB / "CMakeLists.txt").read_text(), re.MULTILINE))
    found = sorted(path for pattern in SOURCES for path in (LIB / "src").glob(pattern))
    return [path for path in found if str(path.relative_to(LIB / "src")) in listed]


def main():
    scratch = pathlib.Path(sys.argv[1]).resolve()
    for tool in (COMPILER, EMULATOR):
        if not shutil.which(tool):
            skip(f"no {tool}")
    include = scratch / "include"
    include.mkdir(parents=True, exist_ok=True)
    for name in HEADERS:
        header = pathlib.Path("/usr/include") / name
        if not header.exists():
            skip(f"no {header}")
        if not (include / name).exists():
            (include / name).symlink_to(header)

    launcher = [word for word in [os.environ.get("CMAKE_CXX_COMPILER_LAUNCHER")] if word]
    common = [*launcher, COMPILER, "-std=c++20", "-pthread", f"-I{LIB / 'include'}", f"-I{LIB / 'src'}", f"-isystem{include}",
              f'-DRECTIFY_TESTS_DIR="{ROOT / "tests"}"']

    def compiled(path):
        of_kernels = path.parent.name == "activation" or path.stem in ("randn", "mersenne_twister")
        of_tests = path.is_relative_to(ROOT / "tests")
        target = scratch / (str(path.relative_to(ROOT)).replace("/", ".") + ".o")
        subprocess.run([*common, *(KERNEL if of_kernels else ["-O1" if of_tests else "-O2"]), "-c", path, "-o", target], check=True)
        return target

    unit = ROOT / "tests" / "unit"
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        *objects, first_main = pool.map(compiled, [*sources(), unit / "main.cpp"])
        tests = list(pool.map(compiled, [unit / f"{name}_test.cpp" for name in TESTS]))
    for name, test in zip(TESTS, tests):
        program = scratch / f"{name}_test"
        subprocess.run([COMPILER, "-pthread", first_main, test, *objects, "-Wl,--gc-sections", "-o", program], check=True)
        if subprocess.run([EMULATOR, "-L", SYSTEM, program]).returncode:
            sys.exit(f"{name}_test failed")


if __name__ == "__main__":
    main()

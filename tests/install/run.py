#!/usr/bin/python3
"""rectify as others get it: run.py BUILD-FOLDER [FILTER]

Installs a build into a scratch prefix, which is then moved; builds an outside project against it by find_package(), and
another by add_subdirectory(); does the same with a shared library; and looks at the program for what RECTIFY_HARDENING promises. The outside projects are
built with the compiler and the flags of the build. A row that misses a tool, such as readelf or lintian, is skipped with a word. FILTER
picks the rows whose name contains it. The exit status is 1 when a row failed.
"""
import os
import pathlib
import re
import shutil
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
SOURCE = HERE.parent.parent
SECONDS = 800
BUILD = None

sys.dont_write_bytecode = True  # in the tree
sys.path.insert(0, str(HERE.parent))
import harness  # noqa: E402 (beside this folder)
from harness import Skip, need, row  # noqa: E402


def tool(name):
    path = shutil.which(name)
    if not path:
        raise Skip(f"there is no {name}")
    return path


def call(*arguments, cwd=None):
    """What a command that must succeed prints."""
    done = subprocess.run(arguments, cwd=cwd, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=SECONDS,
                          check=False)
    need(done.returncode == 0, f"{' '.join(map(str, arguments))}: exit {done.returncode}\n{done.stdout}{done.stderr}")
    return done.stdout


def cache():
    """The variables of the build."""
    return dict(re.findall(r"^(\w+):\w+=(.*)$", (BUILD / "CMakeCache.txt").read_text(), re.MULTILINE))


def installed(path, build=None):
    """A prefix with the build in it, at another place than it was installed to."""
    call(tool("cmake"), "--install", build or BUILD, "--prefix", path / "first")
    return (path / "first").rename(path / "moved")


def built(source, build, *definitions):
    """Builds a project as rectify was built."""
    variables = cache()
    kept = [f"-D{name}={variables[name]}" for name in
            ("CMAKE_BUILD_TYPE", "CMAKE_CXX_COMPILER", "CMAKE_CXX_FLAGS", "CMAKE_MAKE_PROGRAM") if name in variables]
    call(tool("cmake"), "-G", variables["CMAKE_GENERATOR"], "-S", source, "-B", build, *kept, *definitions)
    call(tool("cmake"), "--build", build, "--parallel", "2")


def outside(path, *definitions):
    """The output of an outside project that finds the package, built."""
    built(HERE / "consumer", path / "build", f"-DSAMPLE={SOURCE / 'samples' / 'basic.cpp'}", *definitions)
    return call(path / "build" / "consumer")


EXPECTED = (SOURCE / "samples" / "basic.expected").read_text()


@row
def an_installed_tree_has_the_program_its_manual_the_library_and_its_headers_alone(path):
    prefix = installed(path)
    files = {str(file.relative_to(prefix)) for file in prefix.rglob("*") if not file.is_dir()}
    library = cache()["CMAKE_INSTALL_LIBDIR"]
    tool("gzip")
    wanted = {"bin/rectify", "share/man/man1/rectify.1.gz", "share/doc/rectify/changelog.gz",
              "share/doc/librectify-dev/changelog.gz", "share/doc/librectify-dev/copyright",
              f"{library}/pkgconfig/rectify.pc",
              "share/bash-completion/completions/rectify", "share/zsh/site-functions/_rectify",
              "share/fish/vendor_completions.d/rectify.fish", "share/doc/rectify/copyright", f"{library}/librectify.a"}
    wanted |= {f"include/rectify/{header.name}" for header in (SOURCE / "lib" / "include" / "rectify").iterdir()}
    wanted |= {f"{library}/cmake/rectify/rectify{name}.cmake" for name in ("Config", "ConfigVersion", "Targets")}
    rest = {file for file in files - wanted if not re.fullmatch(rf"{library}/cmake/rectify/rectifyTargets-\w+\.cmake", file)}
    need(wanted <= files and not rest, f"missing {sorted(wanted - files)}, too many {sorted(rest)}")
    shown = call(prefix / "bin" / "rectify", "--tensor", "[2,-4,5,-6]", "--slope", "0.4")
    need(shown == "tensor([ 2.0000, -1.6000,  5.0000, -2.4000])\n", f"the installed program prints {shown!r}")


@row
def an_outside_project_finds_the_package(path):
    prefix = installed(path)
    version = cache()["CMAKE_PROJECT_VERSION"]
    shown = outside(path, f"-DCMAKE_PREFIX_PATH={prefix}", f"-DRECTIFY_VERSION={version}")
    need(shown == EXPECTED, f"the sample prints {shown!r}")
    for file in prefix.rglob("*.cmake"):
        text = file.read_text()
        need(str(SOURCE) not in text and str(path) not in text, f"{file.name} names a folder of the build")


@row
def an_outside_program_is_built_with_what_pkg_config_says(path):
    prefix = installed(path)
    pkg_config = tool("pkg-config")
    os.environ["PKG_CONFIG_PATH"] = str(prefix / cache()["CMAKE_INSTALL_LIBDIR"] / "pkgconfig")
    try:
        flags = call(pkg_config, "--cflags", "--libs", "rectify").split()
    finally:
        del os.environ["PKG_CONFIG_PATH"]
    need(str(prefix) in " ".join(flags) or ".." in " ".join(flags), f"the flags are {flags}, the prefix {prefix}")
    variables = cache()
    call(variables["CMAKE_CXX_COMPILER"], *variables["CMAKE_CXX_FLAGS"].split(), "-std=c++20",
         SOURCE / "samples" / "basic.cpp", *flags, "-o", path / "basic")
    need(call(path / "basic") == EXPECTED, "the sample prints something else")


@row
def packages_have_what_they_promise_and_run(path):
    """From the build as it is: what cpack makes of it, unpacked."""
    tool("dpkg-deb")
    call(tool("cpack"), "-G", "DEB", "-B", path, cwd=BUILD)
    packages = {file.name.split("_")[0]: file for file in path.glob("*.deb")}
    need(set(packages) == {"rectify", "librectify-dev"}, f"there are {sorted(packages)}")
    fields = {name: call("dpkg-deb", "--field", file) for name, file in packages.items()}
    need(re.search(r"^Suggests: gnuplot-nox, parallel$", fields["rectify"], re.MULTILINE), fields["rectify"])
    if shutil.which("dpkg-shlibdeps") and shutil.which("file"):
        need(re.search(r"^Depends: .*libc6", fields["rectify"], re.MULTILINE), fields["rectify"])
    for name, file in packages.items():
        call("dpkg-deb", "--extract", file, path / name)
    programs = list((path / "rectify").rglob("bin/rectify"))
    need(len(programs) == 1 and not list((path / "librectify-dev").rglob("bin")), f"the programs are {programs}")
    need(call(programs[0], "--tensor", "[2,-4]") == "tensor([ 2.0000, -0.0400])\n", "it prints something else")
    need(list((path / "librectify-dev").rglob("rectify.hpp")), "there are no headers")

    # Installed into a root with nothing else in it, and removed again. What they depend on is the system's around it.
    root = path / "root"
    admin = root / "var" / "lib" / "dpkg"
    for folder in ("info", "updates", "triggers"):
        (admin / folder).mkdir(parents=True)
    for file in ("status", "available"):
        (admin / file).write_text("")
    dpkg = ["dpkg", f"--root={root}", "--force-not-root", "--force-depends", "--force-bad-path", "--log=/dev/null"]
    call(*dpkg, "--install", *packages.values())
    need(call(root / "usr" / "bin" / "rectify", "--tensor", "[2,-4]") == "tensor([ 2.0000, -0.0400])\n", "it does not run")
    call(*dpkg, "--purge", *packages)
    left = [str(file.relative_to(root)) for file in root.rglob("*") if not file.is_relative_to(root / "var")]
    need(not left, f"left behind: {left}")


@row
def lintian_finds_no_error_in_the_packages(path):
    lintian = tool("lintian")
    if cache().get("RECTIFY_STATIC") == "ON" or "-fsanitize" in cache()["CMAKE_CXX_FLAGS"]:
        raise Skip("packages are not made of such a build, but by the preset package")
    call(tool("cpack"), "-G", "DEB", "-B", path, cwd=BUILD)
    packages = sorted(path.glob("*.deb"))
    need(len(packages) == 2, f"there are {packages}")
    call(lintian, "--allow-root", "--fail-on", "error", *packages)


@row
def the_project_in_the_readme_takes_the_sources(path):
    """As it is printed, and told that JSON is there, which is not looked for again then."""
    readme = (SOURCE / "README.md").read_text(encoding="utf-8")
    for file, language in ("CMakeLists.txt", "cmake"), ("main.cpp", "cpp"):
        blocks = re.findall(rf"^```{language}\n(.*?)^```$", readme, re.MULTILINE | re.DOTALL)
        need(len(blocks) == 1, f"README.md has {len(blocks)} blocks of {language}")
        (path / file).write_text(blocks[0], encoding="utf-8")
    (path / "rectify").symlink_to(SOURCE)
    built(path, path / "build", "-DCMAKE_BUILD_TYPE=None", f"-DCMAKE_PROJECT_INCLUDE={HERE / 'consumer' / 'json.cmake'}")
    need(call(path / "build" / "mine") == EXPECTED, "it prints something else")
    targets = call(tool("cmake"), "--build", path / "build", "--target", "help")
    found = re.findall(r"\b(?:rectify_app|sample_basic|number_test)\b", targets)
    need(not found, f"built inside another project: {found}")


@row
def a_program_with_a_shared_library_starts_in_whatever_prefix_the_two_are_installed_to(path):
    if os.environ.get("RECTIFY_QUICK"):
        raise Skip("--quick leaves out a second build")
    # Unoptimized: where the library is looked for does not depend on it.
    for libraries in ("lib", "lib/of/some-machine"):
        built(SOURCE, path / "build", "-DBUILD_SHARED_LIBS=ON", "-DCMAKE_BUILD_TYPE=None", "-DRECTIFY_HARDENING=OFF",
              f"-DCMAKE_INSTALL_LIBDIR={libraries}")
        scratch = path / libraries.replace("/", "-")
        scratch.mkdir()
        prefix = installed(scratch, path / "build")
        need(list((prefix / libraries).glob("librectify.so.*")), "it is not a shared library")
        shown = call(prefix / "bin" / "rectify", "--tensor", "[2,-4,5,-6]", "--slope", "0.4")
        need(shown == "tensor([ 2.0000, -1.6000,  5.0000, -2.4000])\n", f"the installed program prints {shown!r}")
    # What the library shows is what its headers have, under the version's name.
    library = next((prefix / libraries).glob("librectify.so.*"))
    words = set(re.findall(r"[a-z_]\w*|[A-Z]\w*", "".join(
        header.read_text() for header in (SOURCE / "lib" / "include" / "rectify").iterdir())))
    symbols = re.findall(r"^\w+ \w (.*)$", call(tool("nm"), "-DC", "--defined-only", library), re.MULTILINE)
    strange = []
    for symbol in symbols:
        name = re.search(r"rectify::v1::((?:\w+::)*~?\w+)", symbol)
        if name is None or not set(re.findall(r"\w+", name[1])) <= words or re.search(r"::State\b", name[1]):
            strange.append(symbol)
    need(len(symbols) > 100 and not strange, f"of {len(symbols)} symbols that it shows these are not in its headers: {strange}")


@row
def without_a_library_and_a_network_the_packages_to_install_are_told(path):
    """Not what git has to say, forty lines long."""
    variables = cache()
    done = subprocess.run([tool("cmake"), "-G", variables["CMAKE_GENERATOR"], "-S", SOURCE, "-B", path / "build", "-DGIT_EXECUTABLE=/bin/false",
                           "-DCMAKE_DISABLE_FIND_PACKAGE_fmt=ON", f"-DCMAKE_CXX_COMPILER={variables['CMAKE_CXX_COMPILER']}"],
                          capture_output=True, text=True, timeout=SECONDS, check=False)
    said = " ".join(done.stderr.split())
    need(done.returncode != 0 and "fmt is not installed, and cannot be fetched. On Debian: apt-get install libcli11-dev libfmt-dev "
         "nlohmann-json3-dev zlib1g-dev" in said and len(done.stderr.splitlines()) < 12, done.stderr)


@row
def an_older_language_is_told_the_one_that_is_needed(path):
    """Also where a header is included by itself: no page of errors from other lines."""
    compiler = cache()["CMAKE_CXX_COMPILER"]
    for header in sorted((SOURCE / "lib" / "include" / "rectify").iterdir()):
        (path / "old.cpp").write_text(f"#include <rectify/{header.name}>\nrectify::Tensor x;\n")
        done = subprocess.run([compiler, "-std=c++17", "-I", SOURCE / "lib" / "include", "-c", path / "old.cpp", "-o", path / "old.o"],
                              capture_output=True, text=True, timeout=SECONDS, check=False)
        errors = re.findall(r"error: (.*)", done.stderr)
        need(done.returncode != 0 and len(errors) == 2 and "rectify needs C++20: compile with -std=c++20" in errors[0] and
             "needs C++20" in errors[1], f"{header.name} in C++17 gives {done.stderr}")


@row
def the_pages_of_the_library_are_made_without_a_warning(path):
    tool("doxygen")
    variables = cache()
    call(tool("cmake"), "-G", variables["CMAKE_GENERATOR"], "-S", SOURCE, "-B", path, "-DRECTIFY_APP=OFF")
    said = call(tool("cmake"), "--build", path, "--target", "doxygen")
    need("warning" not in said.lower(), said)
    index = (path / "html" / "index.html").read_text()
    need("Memory of your own" in index and "class" in index and "leaky_relu" in index, "the first page teaches nothing")
    need((path / "html" / "classrectify_1_1v1_1_1Tensor.html").exists() or list((path / "html").glob("*Tensor.html")),
         "there is no page for Tensor")


@row
def one_file_runs_on_any_linux(path):
    if os.environ.get("RECTIFY_QUICK"):
        raise Skip("--quick leaves out a second build")
    built(SOURCE, path / "build", "-DRECTIFY_STATIC=ON", "-DCMAKE_BUILD_TYPE=None", "-DRECTIFY_HARDENING=OFF",
          "-DRECTIFY_INSTALL=OFF")
    program = path / "build" / "app" / "rectify"
    need("INTERP" not in call(tool("readelf"), "--wide", "--program-headers", program), "it asks for a loader")
    (path / "acts.csv").write_text("1,-2\n")
    need(call(program, path / "acts.csv", "--to", "csv", "--threads", "2") == "1.0,-0.02\n", "it prints something else")


@row
def the_program_is_hardened(path):
    variables = cache()
    if variables.get("RECTIFY_HARDENING") != "ON" or variables["CMAKE_BUILD_TYPE"] == "Debug":
        raise Skip("it is built without RECTIFY_HARDENING, or for debugging")
    program = call(tool("readelf"), "--wide", "--file-header", "--program-headers", "--dynamic", "--dyn-syms",
                   BUILD / "app" / "rectify")
    need(re.search(r"Type:\s+DYN", program) and re.search(r"FLAGS_1.*\bPIE\b", program), "it is no PIE")
    need(re.search(r"^\s*GNU_RELRO", program, re.MULTILINE), "it has no RELRO")
    need(re.search(r"\(FLAGS(_1)?\).*\bNOW\b", program), "its symbols are bound late: RELRO is partial")
    need(re.search(r"^\s*GNU_STACK.*\sRW\s", program, re.MULTILINE), "its stack is executable")
    need("TEXTREL" not in program, "it has relocations in its code")
    if "INTERP" not in program:
        return  # what it calls is inside it, and has no names
    need("__stack_chk_fail" in program, "it has no stack protector")
    if variables.get(f"RECTIFY_FORTIFIES_{variables['CMAKE_BUILD_TYPE']}") == "1":
        need(re.search(r"__\w+_chk\b", program.replace("__stack_chk_fail", "")), "its libc calls are not fortified")


def main():
    global BUILD  # pylint: disable=global-statement
    if not 2 <= len(sys.argv) <= 3:
        sys.exit(__doc__)
    BUILD = pathlib.Path(sys.argv[1]).resolve()
    return harness.run(lambda path: path, *sys.argv[2:])


if __name__ == "__main__":
    sys.exit(main())

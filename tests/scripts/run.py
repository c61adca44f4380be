#!/usr/bin/python3
"""The shell scripts, which a newcomer meets first: run.py [FILTER]

app/run.sh, tests/run.sh, tests/fuzz/run.sh and .ci/run run in a copy of the tree's scripts, with a PATH of their own in
which dpkg-query, apt-get, sudo, cmake, ctest and clang++ are stubs: what they are asked is looked at, and nothing is
installed or built. FILTER picks the rows whose name contains it. The exit status is 1 when a row failed.
"""
import os
import pathlib
import pty
import re
import shutil
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
SOURCE = HERE.parent.parent
SECONDS = 60

sys.dont_write_bytecode = True  # in the tree
sys.path.insert(0, str(HERE.parent))
import harness  # noqa: E402 (beside this folder)
from harness import Skip, need, row  # noqa: E402

SCRIPTS = ("app/run.sh", "app/install.sh", "tests/run.sh", "tests/clang.sh", "tests/fuzz/run.sh", ".ci/run", "README.md")
TOOLS = ("awk", "cat", "dirname", "env", "find", "grep", "head", "mkdir", "mktemp", "readlink", "rm", "sed", "setsid", "sh",
         "sort", "tail", "touch")
TENSOR = b"tensor([ 2.0000, -1.6000,  5.0000, -2.4000])\n"

# Each stub notes its arguments in $NOTES.
NOTE = 'echo "${0##*/} $*" >>"$NOTES"\n'
# Of packages: $INSTALLED has them all, until a word of it is taken away; $APT is the exit status of apt-get.
DPKG = 'for p; do :; done; case " $ABSENT " in *" $p "*) [ -e "$NOTES.$p" ] || exit 1 ;; esac; echo "install ok installed"\n'
APT = """[ "$APT" = 0 ] || { echo "E: Unable to fetch some archives" >&2; exit "$APT"; }
case $1 in install) for p; do touch "$NOTES.$p"; done ;; esac
"""
# CMake notes the tree it configures, in the cache; the program that it builds prints the name of that tree's folder, or
# the tensor.
CMAKE = r"""case $1 in
--preset)
  echo "configuring"
  [ -z "$BREAKS" ] || { echo "CMake Error" >&2; exit 1; }
  mkdir -p "build/$2/app"
  echo "CMAKE_HOME_DIRECTORY:INTERNAL=$PWD" >"build/$2/CMakeCache.txt"
  echo >"build/$2/build.ninja"
  ;;
--build)
  case $* in *-n) [ ! -e "$2/app/rectify" ] || echo "ninja: no work to do."; exit 0 ;; esac
  case $2 in --preset) exit 0 ;; esac
  echo "[1/1] Building rectify"
  home=$(sed -n 's/^CMAKE_HOME_DIRECTORY:INTERNAL=//p' "$2/CMakeCache.txt")
  printf '#!/bin/sh\necho "%s"\n' "${PRINTS:-built from $home}" >"$2/app/rectify"
  chmod +x "$2/app/rectify"
  ;;
esac
"""
CTEST = """echo "quick: ${RECTIFY_QUICK:-no}" >>"$NOTES"
for preset in dev asan clang; do
  mkdir -p "build/$preset/Testing/Temporary"
  printf "$CTEST_LOG" >"build/$preset/Testing/Temporary/LastTest.log"
done
exit "${FAILED:-0}"
"""


class Scratch:
    """A copy of the scripts in a folder with a blank in its name, and a machine of stubs."""

    def __init__(self, path):
        self.path = path
        self.tree = path / "a tree"
        for name in SCRIPTS:
            (self.tree / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(SOURCE / name, self.tree / name)
        self.bin = path / "bin"
        self.bin.mkdir()
        for name in (*TOOLS, "chmod"):
            found = shutil.which(name)
            if not found:
                raise Skip(f"there is no {name}")
            (self.bin / name).symlink_to(found)
        self.environment = {"PATH": str(self.bin), "NOTES": str(path / "notes"), "ABSENT": "", "APT": "0", "CTEST_LOG": "",
                            "TMPDIR": str(path)}
        self.stub("dpkg-query", DPKG)
        self.stub("apt-get", APT)
        self.stub("apt-cache", "exit 0\n")
        self.stub("cmake", CMAKE)
        self.stub("ctest", CTEST)
        for name in ("ninja", "c++", "clang++"):
            self.stub(name)
        self.user(0)

    def stub(self, name, script=""):
        file = self.bin / name
        file.write_text("#!/bin/sh\n" + NOTE + script)
        file.chmod(0o755)

    def user(self, number):
        self.stub("id", f"echo {number}\n")

    def without(self, *names):
        for name in names:
            (self.bin / name).unlink()

    def run(self, script, *arguments, status=0, tree=None, **environment):
        """The outcome of a script, which is to exit with `status`."""
        done = subprocess.run(["/bin/sh", (tree or self.tree) / script, *arguments], cwd=self.path,
                              env={**self.environment, **environment}, stdin=subprocess.DEVNULL, capture_output=True,
                              timeout=SECONDS, check=False)
        outcome = harness.Outcome(done.stdout, done.stderr, done.returncode)
        need(outcome.status == status, f"exit {status} expected, got", outcome)
        return outcome

    def notes(self):
        """What the stubs were asked since the last time."""
        file = self.path / "notes"
        text = file.read_text() if file.exists() else ""
        file.unlink(missing_ok=True)
        return text

    def need_last_word(self, outcome, *words):
        """The last line of standard error has the words, and nothing went on without what is missing."""
        last = outcome.stderr.decode().splitlines()[-1]
        need(last.startswith("rectify is not built: "), "not the last line:", outcome)
        for word in words:
            need(word in last, f"no {word!r} in {last!r}")
        need(b"not found" not in outcome.stderr and outcome.stdout == b"", outcome)


# ---- app/run.sh

@row
def a_copied_tree_ran_the_program_of_the_old_one(s):
    need(s.run("app/run.sh").stdout.decode() == f"built from {s.tree}\n", "the first run")
    copy = s.path / "a copy"
    shutil.copytree(s.tree, copy)
    shown = s.run("app/run.sh", tree=copy).stdout.decode()
    need(shown == f"built from {copy}\n", f"the copy has {shown!r}")


@row
def a_renamed_tree_had_a_cache_that_cmake_refuses(s):
    s.run("app/run.sh")
    s.tree = s.tree.rename(s.path / "renamed")
    outcome = s.run("app/run.sh")
    need(outcome.stdout.decode() == f"built from {s.tree}\n" and outcome.stderr == b"", outcome)


@row
def a_tree_that_stays_where_it_is_is_neither_configured_nor_built_again(s):
    s.run("app/run.sh")
    kept = s.tree / "build" / "release" / "kept"
    kept.touch()
    (s.path / "link").symlink_to(s.tree)
    for tree in (s.tree, s.path / "link"):
        s.notes()
        s.run("app/run.sh", tree=tree)
        notes = s.notes()
        need(kept.exists() and re.findall(r"^cmake (\S+)", notes, re.MULTILINE) == ["--build"], notes)


@row
def the_tests_of_a_copied_tree_are_those_of_the_copy_and_what_the_fuzzer_learned_is_kept(s):
    for folder in ("build/dev", "build/fuzz"):
        (s.tree / folder / "corpus").mkdir(parents=True)
        (s.tree / folder / "CMakeCache.txt").write_text("CMAKE_HOME_DIRECTORY:INTERNAL=/elsewhere\n")
        (s.tree / folder / "old.o").touch()
    s.run("tests/run.sh")
    s.stub("clang++", 'for a; do :; done; cp /bin/true "$a"\n')
    (s.bin / "cp").symlink_to(shutil.which("cp"))
    s.run("tests/fuzz/run.sh", "0", "none", status=1)  # there is no such target
    need(not list((s.tree / "build").glob("*/old.o")), "old objects are left")
    need((s.tree / "build" / "fuzz" / "corpus").is_dir(), "the corpus is gone")


@row
def without_the_right_to_install_it_went_on_to_cmake_not_found(s):
    s.user(1000)
    s.without("cmake", "ninja")
    for script in ("app/run.sh", "tests/run.sh"):
        outcome = s.run(script, status=1, ABSENT="cmake ninja-build gnuplot-nox")
        s.need_last_word(outcome, "As root", "apt-get install cmake ninja-build")
        need(b"gnuplot" not in outcome.stderr and len(outcome.stderr.splitlines()) == 1, outcome)


@row
def sudo_that_would_ask_for_a_password_where_nobody_can_type_it_complained_three_times(s):
    s.user(1000)
    s.without("cmake")
    s.stub("sudo", 'echo "sudo: a password is required" >&2; exit 1\n')
    outcome = s.run("app/run.sh", status=1, ABSENT="cmake")
    s.need_last_word(outcome, "As root", "apt-get install cmake")
    need(b"password" not in outcome.stderr and "sudo -n" in s.notes(), outcome)


@row
def without_a_network_the_last_word_was_that_of_apt(s):
    s.without("cmake")
    for script in ("app/run.sh", "tests/run.sh"):
        s.need_last_word(s.run(script, status=1, ABSENT="cmake libfmt-dev", APT="100"), "no network",
                         "apt-get install cmake libfmt-dev")


@row
def packages_that_are_there_from_elsewhere_are_no_reason_to_give_up(s):
    s.user(1000)
    outcome = s.run("app/run.sh", ABSENT="cmake libfmt-dev")
    need(outcome.stderr == b"" and outcome.stdout.startswith(b"built from"), outcome)


@row
def a_library_that_is_neither_installed_nor_fetched_is_named_behind_the_errors_of_cmake(s):
    s.user(1000)
    outcome = s.run("app/run.sh", status=1, ABSENT="libfmt-dev", BREAKS="yes")
    need(b"CMake Error" in outcome.stderr, outcome)
    s.need_last_word(outcome, "apt-get install libfmt-dev")


@row
def a_machine_that_is_not_a_debian_is_told_what_it_takes(s):
    s.without("dpkg-query", "apt-get", "apt-cache", "cmake")
    s.need_last_word(s.run("app/run.sh", status=1), "there is no cmake", "Ninja")


@row
def what_is_missing_is_installed_with_fresh_lists_if_the_old_ones_do_not_have_it(s):
    s.stub("apt-get", 'if [ "$1" = update ]; then touch "$NOTES.update"; else [ -e "$NOTES.update" ] || exit 100; fi\n' + APT)
    s.run("app/run.sh", ABSENT="libfmt-dev")
    need(re.findall(r"^apt-get.*", s.notes(), re.MULTILINE) == [
        "apt-get install -y --no-install-recommends libfmt-dev", "apt-get update",
        "apt-get install -y --no-install-recommends libfmt-dev"], "not so")


@row
def a_build_of_minutes_was_silent_at_a_terminal(s):
    main, other = pty.openpty()
    done = subprocess.run(["/bin/sh", s.tree / "app/run.sh"], env=s.environment, stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=other, timeout=SECONDS, check=False)
    os.close(other)
    shown = b""
    while True:
        try:
            piece = os.read(main, 4096)
        except OSError:  # the end of a terminal
            break
        if not piece:
            break
        shown += piece
    os.close(main)
    need(b"configuring" in shown and b"[1/1] Building" in shown, f"the terminal has {shown!r}")
    need(done.returncode == 0 and done.stdout.startswith(b"built from"), done)
    need(s.run("app/run.sh").stderr == b"", "a second run is silent")


@row
def a_build_that_succeeds_says_nothing_elsewhere(s):
    need(s.run("app/run.sh").stderr == b"", "standard error is not empty")


# ---- tests/run.sh

@row
def an_unknown_first_word_went_to_cmake(s):
    for words in (["--quik"], ["-R", "unit"], ["fuzz"], ["--quick", "-R", "unit"]):
        outcome = s.run("tests/run.sh", *words, status=2)
        need(outcome.stderr.startswith(b"usage: sh tests/run.sh") and outcome.stderr.count(b"\n") == 1, outcome)
        need(s.notes() == "", "something was installed or built")


@row
def quick_neither_installs_nor_tries_pytorch_and_clang(s):
    s.run("tests/run.sh", "--quick", "asan", "-R", "unit.csv", ABSENT="python3-torch clang libclang-rt-dev parallel")
    notes = s.notes()
    asked = re.findall(r"^apt-get install.*", notes, re.MULTILINE)
    need(asked == ["apt-get install -y --no-install-recommends parallel"], asked)
    ctest = re.findall(r"^ctest (.*)", notes, re.MULTILINE)
    need(ctest == ["--preset asan --no-tests=error -R unit.csv"] and "quick: yes" in notes, notes)
    s.run("tests/run.sh", "asan", RECTIFY_QUICK="yes")
    need("quick: no" in s.notes(), "it takes --quick to be quick")
    outcome = s.run("tests/fuzz/run.sh", status=77, RECTIFY_QUICK="yes")
    need(outcome.stdout == b"skipped: fuzzing (--quick)\n" and s.notes() == "", outcome)
    done = subprocess.run([sys.executable, SOURCE / "tests/torch/differential.py", "no program"], check=False,
                          timeout=SECONDS, env={**os.environ, "RECTIFY_QUICK": "yes"}, capture_output=True)
    need(done.returncode == 77 and done.stdout == b"skipped: PyTorch (--quick)\n", done)


@row
def all_tests_install_what_clang_needs_to_fuzz_if_it_does_not(s):
    s.stub("clang++", "exit 1\n")
    s.run("tests/run.sh", ABSENT="python3-torch clang libclang-rt-dev")
    asked = " ".join(re.findall(r"^apt-get install.*", s.notes(), re.MULTILINE))
    need(all(name in asked.split() for name in ("python3-torch", "clang", "libclang-rt-dev")), asked)


@row
def what_cannot_be_installed_is_told_in_one_line_at_the_end(s):
    s.user(1000)
    outcome = s.run("tests/run.sh", ABSENT="python3-torch locales", CTEST_LOG=r"skipped: no PyTorch\nskipped: no PyTorch\n")
    need(outcome.stdout.decode().splitlines() == [
        "skipped: no PyTorch",
        "not installed, so that some tests were skipped; as root: apt-get install locales python3-torch"], outcome)
    need(b"locales" not in outcome.stderr, outcome)


@row
def one_package_that_a_debian_does_not_have_keeps_no_other_from_being_installed(s):
    s.stub("apt-get", 'case $* in *python3-torch*) exit 100 ;; esac\n' + APT)
    s.stub("apt-cache", 'case $2 in python3-torch) exit 100 ;; esac\n')
    outcome = s.run("tests/run.sh", ABSENT="python3-torch clang")
    need(outcome.stdout.decode().endswith("as root: apt-get install python3-torch\n"), outcome)


@row
def a_failed_test_and_a_filter_that_picks_none_are_failures(s):
    s.run("tests/run.sh", status=8, FAILED="8")
    s.notes()
    s.run("tests/run.sh", "dev", "-R", "nothing")
    need("--no-tests=error" in s.notes(), "ctest would succeed without a test")


# ---- tests/fuzz/run.sh

@row
def clang_without_its_runtime_failed_after_ten_minutes(s):
    s.stub("clang++", 'echo "ld: cannot find libclang_rt.fuzzer" >&2; exit 1\n')
    outcome = s.run("tests/fuzz/run.sh", status=77)
    need(outcome.stdout.startswith(b"skipped: ") and outcome.stdout.count(b"\n") == 1, outcome)
    need("cmake" not in s.notes(), "something was built")


@row
def a_clang_under_a_versioned_name_was_not_found(s):
    compiles = 'while [ $# -gt 1 ]; do shift; done; printf "#!/bin/sh\\n" >"$1"; chmod +x "$1"\n'
    s.without("clang++")
    s.stub("clang++-9", compiles)
    s.stub("clang++-14", compiles)
    s.run("tests/fuzz/run.sh", "0", "none", status=1)  # there is no such target
    need("cmake --preset fuzz -DCMAKE_CXX_COMPILER=clang++-14\n" in s.notes(), "it is not given to CMake")
    s.run("tests/run.sh", "clang")
    need("cmake --preset clang -DCMAKE_CXX_COMPILER=clang++-14\n" in s.notes(), "it is not given to CMake")


# ---- .ci/run, where it may not make a bare system

def gate(s, **how):
    s.user(1000)
    return s.run(".ci/run", **{"PRINTS": TENSOR.decode().strip(), **how})


@row
def where_no_bare_system_can_be_made_the_first_line_says_why(s):
    outcome = gate(s)
    lines = outcome.stdout.decode().splitlines()
    need(lines[0] == "on this machine, since a bare Debian cannot be made here: not root", outcome)
    need("$ sh app/run.sh --tensor '[2,-4,5,-6]' --slope 0.4" in lines and "$ sh tests/run.sh" in lines, outcome)
    need("ctest" in s.notes(), "no test was run")


@row
def another_output_of_the_first_command_is_a_failure(s):
    need(b"README.md" in gate(s, PRINTS="tensor([2.])", status=1).stderr, "it does not say so")
    need("ctest" not in s.notes(), "it went on")


@row
def a_failed_test_is_a_failure_of_the_gate(s):
    gate(s, FAILED="8", status=8)


@row
def a_readme_without_the_commands_is_a_failure(s):
    readme = s.tree / "README.md"
    for line in ("    sh tests/run.sh ", "    sh app/run.sh ", "tensor([ 2.0000, -1.6000,  5.0000, -2.4000])"):
        readme.write_text((SOURCE / "README.md").read_text().replace(line, "    true ", 1))
        outcome = gate(s, status=1)
        need(b"README.md" in outcome.stderr, outcome)
        need("ctest" not in s.notes(), "it went on")


@row
def bytecode_that_tests_leave_in_the_tree_is_a_failure_of_the_gate(s):
    found = shutil.which("git")
    if not found:
        raise Skip("there is no git")
    (s.bin / "git").symlink_to(found)
    shutil.copy(SOURCE / ".gitignore", s.tree)
    who = {"GIT_AUTHOR_NAME": "a", "GIT_AUTHOR_EMAIL": "a@b", "GIT_COMMITTER_NAME": "a", "GIT_COMMITTER_EMAIL": "a@b"}
    for command in (["init", "--quiet"], ["add", "."], ["commit", "--quiet", "-m", "all"]):
        subprocess.run([found, *command], cwd=s.tree, env={**who, "HOME": str(s.path), "PATH": os.defpath}, check=True,
                       timeout=SECONDS)
    gate(s)
    s.stub("ctest", CTEST.replace("exit", "mkdir tests/__pycache__; touch tests/__pycache__/harness.pyc; exit"))
    outcome = gate(s, status=1)
    need(b"tests/__pycache__/" in outcome.stderr, outcome)


def main():
    if len(sys.argv) > 2:
        sys.exit(__doc__)
    return harness.run(Scratch, *sys.argv[1:])


if __name__ == "__main__":
    sys.exit(main())

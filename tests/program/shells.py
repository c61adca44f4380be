"""What the program prints for other programs: completion, tried by each shell that is installed, and the manual."""
import os
import pty
import re
import select
import shutil
import subprocess
import time

import harness
from harness import Skip, need, patience, row

BASH = r"""
source <(rectify --completion bash)
compopt() { :; }
COMP_WORDS=("$@"); COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
_rectify
printf '%s\n' "${COMPREPLY[@]}"
"""


def tool(name):
    path = shutil.which(name)
    if path is None:
        raise Skip(f"{name} is not installed")
    return path


def environment(scratch):
    """With the program as `rectify` on PATH."""
    folder = scratch.path / "bin"
    folder.mkdir(exist_ok=True)
    if not (folder / "rectify").exists():
        (folder / "rectify").symlink_to(harness.Scratch.binary)
    return {**harness.ENVIRONMENT, "PATH": f"{folder}:{harness.ENVIRONMENT['PATH']}", "HOME": str(scratch.path),
            "TERM": "dumb"}


def called(scratch, *command, data=None):
    done = subprocess.run(command, env=environment(scratch), cwd=scratch.path, input=data, capture_output=True,
                          timeout=patience(30), check=False)
    need(done.returncode == 0 and not done.stderr, command, done.stderr.decode("utf-8", "replace"))
    return done.stdout.decode()


def choices(scratch, option, *command):
    """The words that the manual of the program gives for an option."""
    page = re.sub(r"\\f.", "", called(scratch, "rectify", "--man")).replace("\\-", "-")
    sections = page.split(".SS Compare")
    entry = re.search(rf"\.TP\n{option} .*?Words: (.*?)\.\n", sections[1 if command else 0], re.DOTALL)
    need(entry, f"the manual gives words for {option}")
    return set(re.split(r",\s+|\s+or\s+", entry[1]))


# The word to complete stands last; what is expected is all that is offered, or a part of it.
def cases(scratch):
    yield ["rectify", "--from", "js"], {"json", "jsonl"}
    yield ["rectify", "--to", ""], choices(scratch, "--to")
    yield ["rectify", "--dtype", ""], choices(scratch, "--dtype")
    yield ["rectify", "compare", "--to", ""], choices(scratch, "--to", "compare")
    yield ["rectify", "--mode", "relu,leak"], {"relu,leaky"}
    yield ["rectify", "--completion", ""], {"bash", "zsh", "fish"}
    yield ["rectify", "--edge"], {"--edgeitems"}
    yield ["rectify", "compare", "--unit"], {"--unit-axis"}


@row
def bash_completes(scratch):
    tool("bash")
    for words, wanted in cases(scratch):
        got = set(called(scratch, "bash", "-c", BASH, "bash", *words).split())
        need(got == wanted, words, f"offers {sorted(got)}, not {sorted(wanted)}")
    # Behind an equals sign, which bash takes for a word, and in quotes, where parameters can stand.
    for words, wanted in ((["rectify", "--from", "=", "np"], "npy"), (["rectify", "--mode", "'lea"], "leaky(negative_slope=")):
        got = called(scratch, "bash", "-c", BASH, "bash", *words).split()
        need(wanted in got, words, f"offers {got}, not {wanted}")
    need(called(scratch, "bash", "-c", BASH, "bash", "rectify", "comp").split() == ["compare"], "the command")
    need("--edgeitems" not in called(scratch, "bash", "-c", BASH, "bash", "rectify", "compare", "--"), "of compare")


@row
def fish_completes(scratch):
    tool("fish")
    for words, wanted in cases(scratch):
        line = " ".join(words)
        text = called(scratch, "fish", "-c", f"rectify --completion fish | source; complete -C '{line}'")
        got = {entry.split("\t")[0] for entry in text.splitlines()}
        need(got == wanted, words, f"offers {sorted(got)}, not {sorted(wanted)}")


@row
def zsh_completes(scratch):
    """In a terminal, where alone zsh's completion runs."""
    tool("zsh")
    child, terminal = pty.fork()
    if child == 0:
        os.environ.clear()
        os.environ.update(environment(scratch))
        os.chdir(scratch.path)
        os.execvp("zsh", ["zsh", "-f", "-i"])

    def answer(text, until):
        os.write(terminal, text.encode())
        got, end = b"", time.monotonic() + patience(20)
        while until not in got and time.monotonic() < end:
            if select.select([terminal], [], [], 0.2)[0]:
                got += os.read(terminal, 65536)
        need(until in got, repr(text), f"expected {until!r} in the answer", repr(got))

    try:
        answer("PS1='> '; autoload -U compinit; compinit -u; source <(rectify --completion zsh); print rea''dy\n", b"ready\r\n")
        for typed, until in (("rectify --edge\t", b"edgeitems"), ("rectify --from np\t", b"npy"), ("rectify --mode relu,leak\t", b"relu,leaky"),
                             ("rectify compare --to ta\t", b"table"), ("rectify comp\t", b"are")):
            answer(typed, until)
            os.write(terminal, b"\x15")  # the line is dropped
    finally:
        os.kill(child, 9)
        os.waitpid(child, 0)
        os.close(terminal)


@row
def the_manual_is_without_a_complaint(scratch):
    page = called(scratch, "rectify", "--man").encode()
    looked = False
    for command in (["mandoc", "-T", "lint", "-W", "style"], ["groff", "-man", "-ww", "-z"]):
        if shutil.which(command[0]):
            done = subprocess.run(command, input=page, capture_output=True, timeout=patience(30), check=False)
            need(not done.stdout + done.stderr, command[0], (done.stdout + done.stderr).decode("utf-8", "replace"))
            looked = True
    if not looked:
        raise Skip("neither mandoc nor groff is installed")

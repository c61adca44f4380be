"""Signals in the middle of the work."""
import os
import random
import shutil
import signal
import subprocess
import threading
import time

from faults import BIG, Outcome
from harness import SECONDS, Skip, feed, need, row, short

ENDING = (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGTERM, signal.SIGALRM, signal.SIGVTALRM,
          signal.SIGPROF, signal.SIGXCPU, signal.SIGUSR1, signal.SIGUSR2, signal.SIGIO, signal.SIGPWR, signal.SIGABRT,
          signal.SIGTRAP, signal.SIGSYS, signal.SIGRTMIN, signal.SIGRTMAX, 16)  # 16: SIGSTKFLT, which has no name here


def has_nameless_files(folder):
    """Whether a file of the folder may be open that has no name there."""
    try:
        os.close(os.open(folder, os.O_TMPFILE | os.O_RDWR))
    except OSError:
        return False
    return True


def is_writing(s, process):
    """Whether a file that is to be put in place is open, be it one that has no name yet."""
    folder = f"/proc/{process.pid}/fd"
    for name in os.listdir(folder):
        try:
            target = os.readlink(f"{folder}/{name}")
        except OSError:
            continue  # closed meanwhile
        if target.startswith(f"{s.path}/") and (target.endswith(" (deleted)") or "/.rectify-" in target):
            return True
    return False


def started(s, arguments, before=""):
    """A call that has begun to write its -o file, and waits for the rest of its input."""
    process = s.start(arguments, before, stdin=subprocess.PIPE)
    process.stdin.write(BIG)
    process.stdin.flush()  # of which the pipe holds little: most has been read
    until = time.monotonic() + SECONDS
    while not is_writing(s, process):
        need(time.monotonic() < until and process.poll() is None, "no temporary file appears")
        time.sleep(0.001)
    return process


def end_of(process):
    """The status and the message of a process that is to end by itself."""
    try:
        status = process.wait(SECONDS)
    finally:
        process.kill()
        message = process.stderr.read()
        for stream in (process.stdout, process.stderr, process.stdin):
            try:
                stream.close()
            except BrokenPipeError:
                pass
    return status, message


@row
def an_interrupted_write_leaves_the_old_file_and_no_other(s):
    for number in ENDING:
        for threads in ("1", "3"):
            for old in (b"old\n", None):
                if old:
                    s.write("out.csv", old)
                process = started(s, ["-", "--from", "csv", "--threads", threads, "-o", "out.csv"], "ulimit -c 0")
                process.send_signal(number)
                status, message = end_of(process)
                need(status == -number and not message,
                     f"signal {number}: ended with {status}, stderr {short(message)}")
                need(s.names() == (["out.csv"] if old else []), f"signal {number} left {s.names()}")
                if old:
                    need(s.read("out.csv") == old, f"signal {number} left {short(s.read('out.csv'))}")
                    (s.path / "out.csv").unlink()


@row
def a_signal_ignored_by_the_caller_stays_ignored(s):
    for number in ENDING:  # nohup, a background job's interrupt
        process = started(s, ["-", "--from", "csv", "-o", "out.csv"], f"trap '' {int(number)}")
        process.send_signal(number)
        stdout, stderr = process.communicate(b"3,4\n", timeout=SECONDS)
        Outcome(stdout, stderr, process.returncode).gives(b"")
        need(s.read("out.csv").endswith(b"\n3.0,4.0\n") and s.names() == ["out.csv"], s.names())


@row
def a_stopped_and_continued_run_gives_the_same(s):
    for arguments in (["-", "--from", "csv", "--to", "csv"], ["compare", "-", "--to", "csv"],
                      ["-", "--from", "csv", "--to", "npy"]):
        wanted = s.run(*arguments, data=BIG).stdout
        process = s.start([*arguments, "--threads", "2"], stdin=subprocess.PIPE)

        def bothered(process=process):
            for at in range(0, len(BIG), 200000):
                yield BIG[at:at + 200000]
                for number in (signal.SIGSTOP, signal.SIGCONT, signal.SIGWINCH, signal.SIGCHLD, signal.SIGURG):
                    process.send_signal(number)

        pipe, process.stdin = process.stdin, None
        threading.Thread(target=feed, args=(pipe, bothered()), daemon=True).start()
        stdout, stderr = process.communicate(timeout=SECONDS)
        Outcome(stdout, stderr, process.returncode).gives(wanted)


@row
def what_is_killed_while_it_reads_leaves_nothing(s):
    """By a signal that no program sees; where files may be without a name."""
    if not has_nameless_files(s.path):
        raise Skip("files have names from their beginning here")
    for old in (None, b"old\n"):
        if old:
            s.write("out.csv", old)
        process = started(s, ["-", "--from", "csv", "-o", "out.csv"])
        process.kill()
        end_of(process)
        need(s.names() == (["out.csv"] if old else []), s.names())
        need(not old or s.read("out.csv") == old, "the old file is another")


@row
def a_killed_write_leaves_the_old_or_the_new_file(s):
    data = BIG[:BIG.index(b"\n50000,")]
    s.write("big.csv", data)
    chance = random.Random(0)
    tried = []
    for name, arguments in (("out.csv", ["big.csv"]), ("out.npy", ["big.csv", "--threads", "2"]),
                            ("out.json", ["big.csv"]), ("report.json", ["compare", "big.csv"])):
        begun = time.monotonic()
        s.run(*arguments, "-o", name).succeeds()
        tried.append([name, arguments, s.read(name), 1.2 * (time.monotonic() - begun)])
    seen = {}
    for turn in range(200):
        name, arguments, new, most = tried[turn % len(tried)]
        old = None if turn % 8 >= 4 else b"old\n"
        if old:
            s.write(name, old)
        else:
            (s.path / name).unlink()
        process = s.start([*arguments, "-o", name], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(chance.uniform(0, most))
        process.kill()
        process.wait()
        found = s.read(name) if (s.path / name).exists() else None
        need(found in (old, new), f"{name}: {short(found)}, not {short(old)} nor the new one")
        seen[found == new] = True
        tried[turn % len(tried)][-1] *= 0.93 if found == new else 1.08  # so that most are killed about the end
        if found is None:
            s.write(name, b"old\n")
        for entry in s.path.iterdir():  # a temporary may stay
            if entry.name.startswith(".rectify-"):
                entry.unlink()
    need(s.names() == sorted(["big.csv", *(name for name, *_ in tried)]), s.names())
    need(seen.keys() == {True, False}, "all or none were killed in time", seen)


@row
def a_plot_is_drawn_though_the_caller_ignores_its_children(s):
    if not shutil.which("gnuplot"):
        raise Skip("no gnuplot")
    s.write("a.csv", b"1,-2\n3,4\n")
    s.shell("trap '' CHLD PIPE; rectify compare a.csv --plot a.svg -o report.json").gives(b"")
    need(s.read("a.svg").endswith(b"</svg>\n") or b"</svg>" in s.read("a.svg"), short(s.read("a.svg")))


@row
def an_interrupted_plot_leaves_the_old_picture(s):
    (s.path / "gnuplot").write_text("#!/bin/sh\necho $$ >began\nexec sleep 60\n")
    (s.path / "gnuplot").chmod(0o755)
    s.write("a.csv", b"1,-2\n3,4\n")
    s.write("a.svg", b"old\n")
    process = s.start(["compare", "a.csv", "--plot", "a.svg", "-o", "report.json"], f"PATH='{s.path}':$PATH")
    until = time.monotonic() + SECONDS
    while not ((s.path / "began").exists() and s.read("began").endswith(b"\n")) and time.monotonic() < until:
        time.sleep(0.01)
    process.terminate()
    need(process.wait(SECONDS) == -signal.SIGTERM, process.returncode)
    os.kill(int(s.read("began")), signal.SIGKILL)
    process.stdout.close()
    process.stderr.close()
    need(s.read("a.svg") == b"old\n" and s.names() == ["a.csv", "a.svg", "began", "gnuplot", "report.json"], s.names())

"""Inputs of every kind, and outputs that take nothing."""
import fcntl
import os
import pty
import random
import re
import select
import shutil
import socket
import struct
import subprocess
import termios
import threading
import time

from faults import BIG, Outcome, commands, device
from harness import ENVIRONMENT, SANITIZERS, SECONDS, Skip, feed, need, npy, row, short


@row
def unreadable_inputs_give_the_reason(s):
    (s.path / "folder").mkdir()
    (s.path / "dangling.csv").symlink_to("nowhere")
    (s.path / "loop.csv").symlink_to("loop.csv")
    for name, reason in (("folder", "directory"), ("missing.csv", "No such file"), ("dangling.csv", "No such file"),
                         ("loop.csv", "symbolic links"), ("folder/x/y.csv", "No such file"), ("a" * 300, "too long")):
        s.run(name).refuses(reason)
    s.run("").refuses(status=(1, 2))


@row
def a_fifo_is_read(s):
    os.mkfifo(s.path / "fifo.csv")
    writer = threading.Thread(daemon=True, target=lambda: (s.path / "fifo.csv").write_bytes(BIG))
    writer.start()
    outcome = s.run("fifo.csv", "--to", "csv", "--slope", "1")
    writer.join(SECONDS)
    outcome.gives(BIG.replace(b",", b".0,").replace(b"\n", b".0\n"))


@row
def devices_and_process_substitution_are_read(s):
    s.run("/dev/stdin", "--mode", "relu", data=b"[1,-2]").gives(b"tensor([1., 0.])\n")
    if not shutil.which("bash"):
        raise Skip("no bash for process substitution")
    s.shell("rectify <(printf '1,-2\\n3,4\\n') --mode relu --to csv", "bash").gives(b"1.0,0.0\n3.0,4.0\n")


@row
def a_descriptor_that_is_not_open_is_no_other_input(s):
    for i in range(40):
        s.write(f"{i}.csv", b"1,-2\n")
    files = [f"{i}.csv" for i in range(40)]
    for threads in ("1", "2", "4", "16"):
        for name in ("/dev/fd/3", "/proc/self/fd/4"):
            for _ in range(3):
                # Descriptors that the program opens itself have these numbers.
                said = s.run(*files, name, *files, "--to", "csv", "--threads", threads, before="exec 3<&- 4<&-")
                said.refuses(f"{name}: cannot open: No such file", quiet=False)
                need(said.stdout == 40 * b"1.0,-0.02\n", said)
            s.run(*files, name, "-o", "out.csv", "--threads", threads, before="exec 3<&- 4<&-").refuses("No such file")
            need(not (s.path / "out.csv").exists(), "out.csv")


@row
def many_files_take_one_descriptor_at_a_time(s):
    for i in range(300):
        s.write(f"{i}.csv", b"1,-2\n")
    files = [f"{i}.csv" for i in range(300)]
    for threads in ("1", "2", "16"):
        for _ in range(3):
            s.run(*files, "-o", "out.csv", "--threads", threads, before="ulimit -n 5; exec 3<&- 4<&-").succeeds()
            need(s.read("out.csv") == 300 * b"1.0,-0.02\n", "rows")


@row
def a_fifo_that_is_given_up_is_closed(s):
    s.write("a.csv", b"1,-2\n")
    os.mkfifo(s.path / "f1")
    os.mkfifo(s.path / "f2")
    for threads in ("1", "2", "4"):
        for _ in range(4):
            # The writer of the second comes once the first has no reader any more.
            said = s.shell("(yes foo,1 > f1; echo 1,2 > f2) 2> /dev/null & "
                           f"rectify compare f1 a.csv f2 --from csv --to csv --threads {threads}; echo $? >&2; wait")
            need(b"\nf2,relu," in said.stdout and said.stderr.endswith(b"1\n"), said)


@row
def endless_zeros_are_refused(s):
    for form in ("json", "jsonl", "npy", "csv", "tsv"):
        s.run("/dev/zero", "--from", form, before=s.limited_memory()).refuses("/dev/zero:1:1: |/dev/zero: .*npy")
        said = s.shell(f"{s.limited_memory()}\nyes | rectify --from {form}")
        said.refuses("<stdin>:[12]:1: 'y|<stdin>:1:1: .*'y|<stdin>: .*npy")  # the first row is a header


@row
def an_endless_stream_flows_through(s):
    outcome = s.shell("yes 1,-2 | { rectify --from csv --to csv --mode relu; echo $? >&2; } | head -n 2")
    need(outcome.stdout == b"1.0,0.0\n1.0,0.0\n" and outcome.stderr == b"0\n", outcome)


@row
def a_full_device_is_a_write_error(s):
    full = device("/dev/full")
    s.write("big.csv", BIG)
    for arguments in (["--tensor", "1"], ["--help"], ["-h"], ["--version"], ["big.csv"], ["big.csv", "--to", "csv"],
                      ["big.csv", "--to", "json"], ["big.csv", "--to", "npy"], ["--tensor", "1", "-o", full]):
        s.run(*arguments, after=f">{full}").refuses("No space left on device")


@row
def a_closed_standard_output_is_a_write_error(s):
    for arguments in (["--tensor", "1"], ["--help"], ["--randn", "100000", "--to", "csv"]):
        s.run(*arguments, after=">&-").refuses()


@row
def closed_descriptors_never_receive_the_file(s):
    for after in (">&-", "2>&-", "<&-", ">&- 2>&-", "<&- >&- 2>&-"):
        s.write("out.json", b"old\n")
        outcome = s.run("--tensor", "[1,-2]", "--mode", "relu", "-o", "out.json", after=after)
        need(outcome.status == 0 and s.read("out.json") == b"[1.0, 0.0]\n", after, outcome, s.read("out.json"))
        s.write("bad.csv", b"1,2\n3,x\n")
        outcome = s.run("bad.csv", "-o", "out.json", after=after)
        need(outcome.status == 1 and s.read("out.json") == b"[1.0, 0.0]\n", after, outcome, s.read("out.json"))
    need(s.names() == ["bad.csv", "out.json"], s.names())


@row
def a_closed_standard_input_is_a_read_error(s):
    s.run("-", after="<&-").refuses("<stdin>")


@row
def a_reader_that_goes_away_is_silence(s):
    s.write("big.csv", BIG)
    for before in ("", "trap '' PIPE"):
        for arguments in (["--to", "csv"], ["--to", "json"], ["--to", "npy"], ["--profile", "full"],
                          ["--to", "csv", "--threads", "4"]):
            process = s.start(["big.csv", *arguments], before)
            process.stdout.read(10)
            process.stdout.close()
            try:
                message = process.stderr.read()
                status = process.wait(SECONDS)
            finally:
                process.kill()
                process.stderr.close()
            need(status == 0 and message == b"", arguments, before, f"exit {status}, stderr {short(message)}")


@row
def a_file_cut_short_while_it_is_read_is_no_crash(s):
    s.write("a.npy", npy("(4000000,)", bytes(16000000)))
    process = s.start(["a.npy", "--to", "csv"])
    select.select([process.stdout], [], [], SECONDS)  # it is at work, and stops when the pipe is full
    os.truncate(s.path / "a.npy", 1000)
    stdout, stderr = process.communicate(timeout=SECONDS)
    outcome = Outcome(stdout, stderr, process.returncode)
    if process.returncode == 0:
        need(stdout == b"0.0\n" * 4000000, outcome)
    else:
        outcome.refuses("a.npy", quiet=False)


@row
def a_file_that_grows_while_it_is_read_is_no_crash(s):
    s.write("a.csv", BIG)
    process = s.start(["a.csv", "--to", "csv"])
    select.select([process.stdout], [], [], SECONDS)
    with open(s.path / "a.csv", "ab") as file:
        file.write(b"7,8\n" * 100)
    stdout, stderr = process.communicate(timeout=SECONDS)
    outcome = Outcome(stdout, stderr, process.returncode)
    grown = s.run("a.csv", "--to", "csv").stdout
    if process.returncode:
        outcome.refuses("a.csv", quiet=False)
        need(grown.startswith(stdout), outcome)
    else:
        need(not stderr and stdout == grown[:-len(b"7.0,8.0\n" * 100)], outcome)


@row
def a_file_that_its_own_output_is_appended_to_ends(s):
    s.write("a.csv", BIG * 4)
    wanted = s.run("a.csv", "--to", "csv").stdout
    s.run("a.csv", "--to", "csv", after=">>a.csv").gives(b"")
    need(s.read("a.csv") == BIG * 4 + wanted, len(s.read("a.csv")))


@row
def a_removed_working_directory_does_not_matter(s):
    (s.path / "gone").mkdir()
    outcome = s.shell(f"""cd gone; rmdir ../gone
rectify --tensor "[1,-2]" --mode relu
rectify --tensor 1 --to json -o "{s.path}/out\"""")
    outcome.gives(b"tensor([1., 0.])\n")
    need(s.read("out") == b"1.0\n", s.names())


@row
def an_empty_or_wrong_environment_does_not_matter(s):
    for env in ({}, {"TMPDIR": "/nonexistent", "HOME": "/nonexistent", "LC_ALL": "xx_YY.nonsense"}):
        s.run("--tensor", "[1,-2]", "--mode", "relu", env={**env, **SANITIZERS}).gives(b"tensor([1., 0.])\n")
        s.run("--tensor", "[1,-2]", "--mode", "relu", "-o", "out.csv", env={**env, **SANITIZERS}).gives(b"")
        need(s.read("out.csv") == b"1.0\n0.0\n", s.read("out.csv"))


@row
def a_locale_with_a_decimal_comma_changes_nothing(s):
    if not shutil.which("locale"):
        raise Skip("no list of locales")
    locales = subprocess.run(["locale", "-a"], capture_output=True, check=False).stdout
    found = re.search(rb"(?im)^de_DE\.utf-?8$", locales)
    env = dict(ENVIRONMENT)
    if not found:
        if shutil.which("localedef"):  # without what a locale is made of it leaves a part of one
            subprocess.run(["localedef", "-i", "de_DE", "-f", "UTF-8", s.path / "de_DE.UTF-8"], capture_output=True,
                           check=False)
        env["LOCPATH"] = str(s.path)
    name = found[0].decode() if found else "de_DE.UTF-8"
    point = subprocess.run(["locale", "decimal_point"], env={**env, "LC_ALL": name}, capture_output=True,
                           check=False).stdout
    if point != b",\n":
        raise Skip("no locale de_DE.UTF-8 with a decimal comma, nor what it is made of")
    s.write("a.csv", b"1234567.5,-0.25\n3,4.5\n")
    for arguments in (["a.csv", "--to", "torch"], ["a.csv", "--to", "csv"], ["a.csv", "--to", "json"],
                      ["compare", "a.csv"], ["compare", "a.csv", "--to", "json"], ["compare", "a.csv", "--partial"]):
        arguments += ["--slope", "0.5"]
        wanted = s.run(*arguments, env={**ENVIRONMENT, "LC_ALL": "C.UTF-8"}).stdout
        s.run(*arguments, env={**env, "LC_ALL": name, "LC_NUMERIC": name}).gives(wanted)


@row
def a_full_device_is_a_write_error_of_every_command(s):
    full = device("/dev/full")
    for arguments in commands(s):
        s.run(*arguments, after=f">{full}").refuses("No space left on device")
        s.run(*arguments, "-o", full).refuses("No space left on device")


@row
def a_closed_standard_output_is_a_write_error_of_every_command(s):
    for arguments in commands(s):
        s.run(*arguments, after=">&-").refuses("Bad file descriptor")
        s.run(*arguments, after="1</dev/null").refuses("Bad file descriptor")


@row
def a_standard_error_that_takes_nothing_changes_no_exit_code(s):
    s.write("bad.csv", b"1,2\n3,x\n")
    for after in ("2>&-", f"2>{device('/dev/full')}", "2</dev/null"):
        need(s.run("bad.csv", after=after).status == 1, after)
        need(s.run("--nonsense", after=after).status == 2, after)
        s.write("a.csv", b"-1,2\n")
        outcome = s.run("compare", "a.csv", "--fail-if-dead", "0", "--to", "csv", after=after)
        need(outcome.status == 3 and outcome.stdout.count(b"\n") == 3, after, outcome)


@row
def a_standard_input_that_gives_nothing_is_a_read_error(s):
    for arguments in (["-"], ["compare", "-"], ["compare", "--merge", "-"], ["/dev/stdin"]):
        for after in ("0>/dev/null", "<&-"):
            outcome = s.run(*arguments, after=after)
            outcome.refuses("stdin")
        s.run(*arguments, after="<.").refuses("directory")


@row
def a_reader_that_has_gone_before_the_first_byte_is_silence(s):
    for arguments in commands(s):
        for before in ("", "trap '' PIPE"):
            reader, writer = os.pipe()
            os.close(reader)
            try:
                outcome = s.run(*arguments, before=before, stdout=writer)
            finally:
                os.close(writer)
            need(outcome.status == 0 and not outcome.stderr, arguments, outcome)


@row
def a_non_blocking_standard_input_is_waited_for(s):
    for arguments in (["-", "--from", "csv", "--to", "csv", "--slope", "1"],
                      ["compare", "-", "--to", "csv", "--mode", "relu"]):
        wanted = s.run(*arguments, data=BIG)
        reader, writer = os.pipe()
        os.set_blocking(reader, False)
        process = s.start(arguments, stdin=reader)
        os.close(reader)

        def slowly():
            for at in range(0, len(BIG), 100000):
                time.sleep(0.005)
                yield BIG[at:at + 100000]

        feeder = threading.Thread(target=feed, args=(os.fdopen(writer, "wb", 0), slowly()), daemon=True)
        feeder.start()
        stdout, stderr = process.communicate(timeout=SECONDS)
        Outcome(stdout, stderr, process.returncode).gives(wanted.stdout)


def wait_until_it_waits(process, pipe):
    """Until nothing more comes into a pipe, which is full by then, or the process has ended."""
    held, until = -1, time.monotonic() + SECONDS
    while time.monotonic() < until and process.poll() is None:
        before, held = held, struct.unpack("i", fcntl.ioctl(pipe, termios.FIONREAD, bytes(4)))[0]
        if held and held == before:
            return
        time.sleep(0.02)


@row
def a_non_blocking_standard_output_is_waited_for(s):
    for arguments in commands(s):
        for where in ([], ["-o", "/dev/stdout"]):
            wanted = s.run(*arguments, *where).stdout
            reader, writer = os.pipe()
            os.set_blocking(writer, False)
            process = s.start([*arguments, *where], stdout=writer)
            os.close(writer)
            wait_until_it_waits(process, reader)
            with os.fdopen(reader, "rb") as pipe:
                stdout = pipe.read()
            _, stderr = process.communicate(timeout=SECONDS)
            Outcome(stdout, stderr, process.returncode).gives(wanted)


@row
def a_socket_is_read_and_written_to(s):
    ours, theirs = socket.socketpair()
    process = s.start(["-", "--from", "csv", "--to", "csv", "--slope", "1"], stdin=theirs, stdout=theirs)
    theirs.close()
    ours.settimeout(SECONDS)
    ours.sendall(b"1,-2\n3,4\n")
    ours.shutdown(socket.SHUT_WR)
    got = b""
    while block := ours.recv(4096):
        got += block
    ours.close()
    _, stderr = process.communicate(timeout=SECONDS)
    need((process.returncode, got, stderr) == (0, b"1.0,-2.0\n3.0,4.0\n", b""), process.returncode, got, stderr)


@row
def what_a_plain_user_may_not_is_refused_with_the_reason(s):
    nobody = s.plain_user()
    for name in ("secret.csv", "shut/a.csv", "locked/a.csv", "fixed.csv"):
        (s.path / name).parent.mkdir(exist_ok=True)
        s.write(name, b"1\n")
    (s.path / "secret.csv").chmod(0)
    (s.path / "shut").chmod(0o600)  # no search
    (s.path / "locked").chmod(0o555)
    (s.path / "fixed.csv").chmod(0o444)
    for arguments in (["secret.csv"], ["compare", "secret.csv"], ["compare", "--merge", "secret.csv"], ["shut/a.csv"]):
        s.run(*arguments, **nobody).refuses("Permission denied")
    for name in ("shut/a.csv", "shut/new.csv", "locked/a.csv", "locked/new.csv", "fixed.csv"):
        for arguments in (["--tensor", "1"], ["compare", "--randn", "2"]):
            s.run(*arguments, "-o", name, **nobody).refuses("Permission denied")
    for name in ("shut", "locked"):
        (s.path / name).chmod(0o755)
    need(s.names() == ["fixed.csv", "locked", "secret.csv", "shut"] and os.listdir(s.path / "shut") == ["a.csv"]
         and os.listdir(s.path / "locked") == ["a.csv"] and s.read("fixed.csv") == b"1\n", s.names())


@row
def files_cut_or_replaced_while_they_are_read_are_no_crash(s):
    values = struct.pack("<f", 1.5) * 1000000
    fortran = npy("(1000, 1000)", values, fortran=True)
    files = {"a.csv": BIG, "a.json": b"[0" + b",1" * 1000000 + b"]", "a.jsonl": b"[1,2]\n" * 200000,
             "a.npy": npy("(1000, 1000)", values), "f.npy": fortran}
    chance = random.Random(1)
    for name, data in files.items():
        ways = [[name, "--to", "csv"], ["compare", name, "--to", "csv"], [name, "--to", "jsonl", "-o", "out"]]
        if name != "a.json":
            ways.append([name, "--part", "2/2", "--to", "csv"])
        for arguments in ways:
            s.write(name, data)
            begun = time.monotonic()
            wanted = s.run(*arguments, "--threads", "2").stdout
            most = time.monotonic() - begun
            result = s.read("out") if "-o" in arguments else b""
            for happens in ("cut", "emptied", "replaced", "removed"):
                s.write(name, data)
                s.write("other", b"x")
                (s.path / "out").unlink(missing_ok=True)
                process = s.start([*arguments, "--threads", "2"])
                time.sleep(chance.uniform(0, most))
                if happens == "replaced":
                    os.replace(s.path / "other", s.path / name)
                elif happens == "removed":
                    (s.path / name).unlink()
                else:
                    os.truncate(s.path / name, 1000 if happens == "cut" else 0)
                stdout, stderr = process.communicate(timeout=SECONDS)
                outcome = Outcome(stdout, stderr, process.returncode, f"{arguments} {happens}:")
                found = s.read("out") if (s.path / "out").exists() else b""
                if process.returncode:
                    outcome.refuses(name, quiet=False)
                    need(not found, outcome, short(found))
                else:
                    need(not stderr and stdout == wanted and found == result, outcome)
    need(not [name for name in s.names() if name.startswith(".")], s.names())


@row
def endless_nonsense_is_refused_by_every_command(s):
    before = s.limited_memory()
    for arguments in (["compare", "/dev/zero"], ["compare", "--merge", "/dev/zero"], ["/dev/zero"],
                      ["/dev/zero", "--from", "json", "--pointer", "/a"],
                      ["/dev/zero", "--to", "npy", "-o", "out.npy"]):
        s.run(*arguments, before=before).refuses("/dev/zero")
    most = 1000  # blocks of 64 KiB, that is
    for first, text in ((b"", b"["), (b"", b'{"a":'), (b"", b'"'), (b"", b","), (b"[1", b"\0"), (b"[[1", b"\0"),
                        (b'["', b"x"), (b"[[1,2],[", b"x"), (b"[1] ", b"x"), (b'["', b"1")):
        for arguments in (["--from", "json"], ["--from", "jsonl"], ["compare", "--from", "json"],
                          ["compare", "--merge"]):
            blocks = iter([first, *[text * (65536 // len(text))] * most])
            s.run(*arguments, "-", before=before, data=blocks).refuses("<stdin>", quiet=first != b"[1] ")
            need(next(blocks, None) is not None, *arguments, first, text, "all was read before it was refused")
    for first, text in ((b"", b"["), (b"", b'{"a":'), (b'{"a": [1', b"\0"), (b'{"a": "x', b"\0")):
        blocks = iter([first, *[text * (65536 // len(text))] * most])
        s.run("-", "--from", "json", "--pointer", "/b", before=before, data=blocks).refuses("<stdin>")
        need(next(blocks, None) is not None, first, text, "all was read before it was refused")


@row
def what_is_wrong_does_not_wait_for_what_follows(s):
    for threads in ("1", "2", "8"):
        process = s.start(["-", "--to", "csv", "--threads", threads], stdin=subprocess.PIPE)
        try:
            process.stdin.write(b"1,2\nx,y\n" + b"1,2\n" * 1000000)
            process.stdin.flush()  # and it stays open
        except BrokenPipeError:
            pass
        try:
            process.wait(SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
        stdout, stderr = process.stdout.read(), process.stderr.read()
        process.stdout.close()
        process.stderr.close()
        Outcome(stdout, stderr, process.wait(), f"--threads {threads}").refuses("<stdin>:2:1", quiet=False)
        try:
            process.stdin.close()
        except BrokenPipeError:
            pass


@row
def one_end_of_input_at_a_terminal_is_enough(s):
    for text, arguments, wanted in ((b"1,-2\n", ["--slope", "0.5", "--to", "csv"], b"1.0,-1.0\n"),
                                    (b"[1,-2]\n", ["--slope", "0.5", "--to", "json"], b"[1.0, -1.0]\n"),
                                    (b"1,-2\n", ["compare", "--to", "csv"], None)):
        leader, follower = pty.openpty()
        try:
            process = s.start([*arguments, "-"], stdin=follower)
            os.write(leader, text + b"\x04")
            stdout, stderr = process.communicate(timeout=SECONDS)
        finally:
            os.close(leader)
            os.close(follower)
        outcome = Outcome(stdout, stderr, process.returncode, f"{arguments}")
        outcome.succeeds()
        need(stdout == wanted if wanted else stdout.startswith(b"source,"), outcome)


@row
def a_file_that_would_be_written_over_while_it_is_read_is_refused(s):
    for name, data in (("a.csv", b"-1,2\n" * 9), ("a.npy", npy((2,), [1, -2]))):
        s.write(name, data)
        for arguments, after in (([], f"<{name} 1<>{name}"), (["-"], f"<{name} 1<>{name}"), ([name], f"1<>{name}"),
                                 (["b.csv", f"./{name}"], f"1<>{name}")):
            s.write("b.csv", b"1\n")
            outcome = s.run("--to", "jsonl", *arguments, after=after)
            outcome.says("standard output is this file, which would be written over while it is read", 2)
            need(s.read(name) == data, name, after)
        # What is appended comes behind all that is read.
        s.run("--to", "jsonl", name, after=f">>{name}").gives(b"")
        need(s.read(name) == data + s.result("--to", "jsonl", data=data), name)
        # As the hint says.
        s.write(name, data)
        s.run(name, "-o", name).gives(b"")
    s.write("a.csv", b"1,2\n")
    s.run("a.csv", after=">a.csv").refuses("standard output is this file", 2)
    # Noise and literals are not read.
    s.run("--tensor", "[1]", after="<a.csv 1<>a.csv").gives(b"")

"""What is complete is given out before more is waited for: pipes, terminals, FIFOs whose writer waits for the answer."""
import fcntl
import os
import pathlib
import pty
import random
import select
import shutil
import subprocess
import threading
import time

from faults import BIG, Outcome
from harness import SECONDS, Skip, feed, need, npy, row, short

THREADS = ("1", "2", "8")
SEEDS = pathlib.Path(__file__).resolve().parent.parent / "fuzz" / "seeds"


class Talk:
    """A call that is written to bit by bit. An answer is read before anything else is said, so that a program that
    waits for more hangs, and is told so."""

    def __init__(self, s, *arguments, hear=None, say=None, **how):
        streams = {} if say is None else {"stdin": say}
        self.process = s.start(arguments, **{"stdin": subprocess.PIPE, **streams}, **how)
        self.call = short(arguments)
        self.say = self.process.stdin.fileno() if say is None else None
        self.hear = self.process.stdout.fileno() if hear is None else hear

    def says(self, data):
        while data:
            data = data[os.write(self.say, data):]

    def hears(self, answer, source=None):
        heard, until = b"", time.monotonic() + SECONDS
        while len(heard) < len(answer):
            left = max(until - time.monotonic(), 0)
            there = select.select([self.hear if source is None else source], [], [], left)[0]
            data = os.read(there[0], len(answer) - len(heard)) if there else b""
            need(data, f"{self.call}: {short(answer)} expected before more is said, got {short(heard)}")
            heard += data
        need(heard == answer, f"{self.call}: {short(answer)} expected, got {short(heard)}")

    def exchanges(self, *words):
        for at in range(0, len(words), 2):
            self.says(words[at])
            self.hears(words[at + 1])
        return self

    def ends(self, rest=b""):
        """The end of the input; `rest` is all that comes behind it."""
        stdout, stderr = self.process.communicate(timeout=SECONDS)
        Outcome(stdout, stderr, self.process.returncode, self.call).gives(rest)

    def fails(self, pattern, rest=b""):
        """Ends by itself, with the pipe still open."""
        try:
            status = self.process.wait(SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            status = "no end"
        outcome = Outcome(self.process.stdout.read(), self.process.stderr.read(), status, self.call)
        for stream in (self.process.stdin, self.process.stdout, self.process.stderr):
            stream.close()
        outcome.refuses(pattern, quiet=False)
        need(outcome.stdout == rest, f"{short(rest)} expected, got {outcome}")


def array(*values):
    return npy((len(values),), values)


@row
def a_row_is_answered_when_it_is_complete(s):
    for threads in THREADS:
        for to, first, second in (("csv", b"1.0,-0.02\n", b"-3.0,4.0\n"), ("tsv", b"1.0\t-0.02\n", b"-3.0\t4.0\n"),
                                  ("jsonl", b"[1.0, -0.02]\n", b"[-3.0, 4.0]\n")):
            for end in (b"\n", b"\r\n"):
                if to == "csv":  # which the input is, and keeps its line ends
                    first, second = first.replace(b"\n", end), second.replace(b"\n", end)
                talk = Talk(s, "--to", to, "--threads", threads)
                talk.exchanges(b"1,-2" + end, first, b"-300,4" + end, second, b"1, -2" + end, first)
                talk.says(b"-300,")
                talk.exchanges(b"4" + end[:-1], b"", b"\n1,-2" + end, second + first)
                talk.says(b"1,-2")  # the last line need have no end
                talk.ends(first)
    Talk(s, "--to", "csv").exchanges(b"5\n", b"5.0\n", b"-4\n", b"-0.04\n").ends()
    Talk(s, "--to", "jsonl").exchanges(b"5\n", b"[5.0]\n", b"-4\n", b"[-0.04]\n").ends()
    Talk(s, "--to", "csv").exchanges(b"5\t6\n", b"5.0,6.0\n").ends()
    Talk(s, "--from", "tsv", "--to", "tsv").exchanges(b"5\t6\n", b"5.0\t6.0\n").ends()


@row
def a_header_goes_out_with_the_first_row(s):
    for threads in THREADS:
        talk = Talk(s, "--to", "csv", "--threads", threads)
        talk.says(b"a,")
        talk.says(b"b\n")
        talk.exchanges(b"1,-2\n", b"a,b\n1.0,-0.02\n", b"-1,2\n", b"-0.01,2.0\n").ends()
    Talk(s, "--to", "jsonl").exchanges(b"\xef\xbb\xbfa\n1\n", b"[1.0]\n", b"2\n", b"[2.0]\n").ends()


@row
def several_modes_answer_line_by_line(s):
    for threads in THREADS:
        how = ("--mode", "relu,leaky", "--threads", threads)
        Talk(s, *how, "--to", "csv").exchanges(
            b"x\n-1\n", b"relu.x,leaky.x\n0.0,-0.01\n", b"-2\n", b"0.0,-0.02\n").ends()
        Talk(s, *how, "--to", "jsonl").exchanges(
            b"-1,1\n", b'{"relu": [0.0, 1.0], "leaky": [-0.01, 1.0]}\n',
            b"-2,2\n", b'{"relu": [0.0, 2.0], "leaky": [-0.02, 2.0]}\n').ends()
        Talk(s, *how, "--to", "jsonl").exchanges(
            b"[-1,1]\n", b'{"relu": [0.0, 1.0], "leaky": [-0.01, 1.0]}\n',
            b"[-2]\n", b'{"relu": [0.0], "leaky": [-0.02]}\n').ends()


@row
def a_text_of_a_sequence_is_answered_when_it_is_complete(s):
    for threads in THREADS:
        talk = Talk(s, "--to", "jsonl", "--threads", threads)
        talk.exchanges(b"\x1e[1,-2]\n", b"[1.0, -0.02]\n", b"\x1e[-3", b"", b",4]\x1e", b"[-0.03, 4.0]\n")
        talk.exchanges(b"12", b"", b"0\n", b"120.0\n", b"\x1e[", b"")
        talk.says(b"5]")
        talk.ends(b"[5.0]\n")


@row
def a_value_is_given_out_once_it_is_known_to_be_complete(s):
    """Behind it there has to be white space, RS or the end."""
    for threads in THREADS:
        for start, rest, answer in ((b"[1,-2]", b"\n", b"[1.0, -0.02]\n"), (b"[1,-2]", b"\x1e", b"[1.0, -0.02]\n"),
                                    (b"[1,-2]", b" ", b"[1.0, -0.02]\n"), (b"1", b"2\n", b"12.0\n"),
                                    (b'{"a":[1]}', b"\n", b'{"a": [1.0]}\n'), (b"1", b"e1\n", b"10.0\n"), (b"nul", b"l\n", b"NaN\n")):
            talk = Talk(s, "--from", "jsonl", "--to", "jsonl", "--threads", threads)
            talk.says(start)
            time.sleep(0.05)
            need(not select.select([talk.hear], [], [], 0)[0], short(start), "is given out, though more may follow it")
            talk.exchanges(rest, answer).ends()
        for start, rest in ((b"[1,-2]", b"x\n"), (b'{"a":[1]}', b"x\n"), (b'{"a":[1]}', b",\n"),
                            (b"[" + b"1," * ((1 << 17) - 1) + b"1]", b"x\n"), (b'{"a":[' + b"1," * 16380 + b"1]}", b"x\n"), (b"[1,-2]", b"]\n"), (b"[1,-2]", b"[3]\n"), (b"[1]", b",\n"), (b"1", b"x\n"),
                            (b"1", b"[2]\n"), (b"1", b'"\n')):
            talk = Talk(s, "--from", "jsonl", "--to", "jsonl", "--threads", threads)
            talk.says(start)
            time.sleep(0.05)
            talk.says(rest)
            talk.process.stdin.close()
            talk.process.stdin = None
            Outcome(*talk.process.communicate(timeout=SECONDS), talk.process.returncode, talk.call).refuses("<stdin>:1:")
        Talk(s, "--from", "jsonl", "--to", "jsonl", "--threads", threads).exchanges(b"[1,-2]", b"").ends(b"[1.0, -0.02]\n")


@row
def a_record_is_answered_when_it_is_complete(s):
    for threads in THREADS:
        for source in ((), ("--from", "jsonl"), ("--from", "json")):
            how = (*source, "--threads", threads)
            for to in ("jsonl", "json"):
                talk = Talk(s, *how, "--to", to)
                talk.exchanges(b"[1,-2]\n", b"[1.0, -0.02]\n", b"[[1],\n[-2]]\r\n", b"[[1.0], [-0.02]]\n")
                talk.says(b"[3,")
                talk.exchanges(b"4] ", b"[3.0, 4.0]\n", b"[]\n[-1]\n", b"[]\n[-0.01]\n")
                talk.says(b"[5]")  # the last value need have nothing behind it
                talk.ends(b"[5.0]\n")
            Talk(s, *how).exchanges(b"[1,-2]\n", b"tensor([ 1.0000, -0.0200])\n", b"[[3]]\n", b"tensor([[3.]])\n").ends()
        Talk(s, "--from", "jsonl", "--to", "csv", "--threads", threads).exchanges(
            b"[1,-2]\n", b"1.0,-0.02\n", b"[3,4]\n", b"3.0,4.0\n").ends()
        Talk(s, "--pointer", "/a", "--to", "jsonl", "--threads", threads).exchanges(
            b'{"a": [1], "b": "]"}\n', b"[1.0]\n", b'{"a": [-1]}\n', b"[-0.01]\n").ends()


@row
def a_number_may_go_on_until_white_space_follows(s):
    talk = Talk(s, "--from", "jsonl", "--to", "jsonl")
    talk.says(b"5")
    time.sleep(0.05)  # in which it must not be answered
    talk.exchanges(b"6\n", b"56.0\n", b"-1\n", b"-0.01\n").ends()


@row
def a_document_and_lines_are_told_apart_however_slowly_they_come(s):
    # One document is a column of CSV; a record of several is a row.
    for pause in (0, 0.05):
        talk = Talk(s, "--to", "csv")
        talk.says(b"[1,-2]\n")
        time.sleep(pause)
        talk.exchanges(b"[3,-4]\n", b"1.0,-0.02\n3.0,-0.04\n", b"[5,6]\n", b"5.0,6.0\n").ends()
        talk = Talk(s, "--to", "csv")
        talk.says(b"[1,-2]\n")
        time.sleep(pause)
        talk.ends(b"1.0\n-0.02\n")
        talk = Talk(s, "--to", "json")  # one row is a vector, two are a matrix
        talk.says(b"1,-2\n")
        time.sleep(pause)
        talk.ends(b"[1.0, -0.02]\n")
        talk = Talk(s, "--header", "yes")
        talk.says(b"[1,-2]\n")
        time.sleep(pause)
        talk.says(b"[3]")
        _, message = talk.process.communicate(timeout=SECONDS)
        need(b"--header is for CSV, and this is jsonl" in message, message)


@row
def the_rows_of_a_document_follow_one_another(s):
    Talk(s, "--to", "json").exchanges(
        b"1,-2\n3,4\n", b"[[1.0, -0.02], [3.0, 4.0]", b"-4,6\n", b", [-0.04, 6.0]").ends(b"]\n")


@row
def an_array_is_answered_when_it_is_complete(s):
    for threads in THREADS:
        how = ("--mode", "relu", "--threads", threads)
        Talk(s, *how, "--to", "npy").exchanges(array(1, -2), array(1, 0), array(-3), array(0)).ends()
        talk = Talk(s, *how, "--to", "jsonl")
        whole = array(-3, 4)
        talk.says(whole[:9])
        talk.says(whole[9:-1])
        talk.exchanges(whole[-1:], b"[0.0, 4.0]\n", npy("()", (7,)), b"7.0\n",
                       npy("(2, 1)", (1, -2)), b"[1.0]\n[0.0]\n", npy("(0,)"), b"[]\n").ends()
        Talk(s, *how).exchanges(array(-3), b"tensor([0.])\n", array(2), b"tensor([2.])\n").ends()


@row
def much_at_once_is_answered_whole(s):
    for threads in THREADS:
        talk = Talk(s, "--to", "csv", "--mode", "relu", "--threads", threads)
        for count in (30000, 1, 60000):
            words = b"".join(b"%d.5,-1\n" % i for i in range(count))
            writer = threading.Thread(target=talk.says, args=(words,), daemon=True)
            writer.start()
            talk.hears(words.replace(b",-1\n", b",0.0\n"))
            writer.join()
        talk.ends()


@row
def what_is_wrong_is_told_though_the_pipe_stays_open(s):
    long = b"1,2\n" * 100000
    for threads in THREADS:
        how = ("--threads", threads)
        Talk(s, *how, "--to", "csv").exchanges(b"1,2\n", b"1.0,2.0\n", b"3,x\n", b"").fails("<stdin>:2:3: 'x'")
        Talk(s, *how, "--to", "csv").exchanges(b"1,2\n3,x\n", b"").fails("<stdin>:2:3: 'x'")
        Talk(s, *how, "--to", "csv").exchanges(b"1,2\n3,x\n4,", b"").fails("<stdin>:2:3: 'x'")
        Talk(s, *how, "--to", "jsonl").exchanges(b"[1]\n", b"[1.0]\n", b'["x"]\n', b"").fails("<stdin>:2:2: expected a nu")
        Talk(s, *how, "--to", "jsonl").exchanges(b"[1]\n[-1]\n[2,]\n[", b"[1.0]\n[-0.01]\n").fails("<stdin>:3:4: ")
        Talk(s, *how, "--to", "jsonl").exchanges(array(1), b"[1.0]\n", b"no array", b"").fails("bytes that are not an array")
        Talk(s, *how, "--to", "csv").exchanges(b"[1]\n[2]\n", b"1.0\n2.0\n", b"[1,2]\n", b"").fails("2 columns")
        Talk(s, "compare", *how).exchanges(b"1,2\n3,x\n4,", b"").fails("<stdin>:2:3: 'x'")
        Talk(s, *how).exchanges(b"<html>", b"").fails("HTML")
        talk = Talk(s, *how, "-o", "out.csv", "--to", "csv")
        threading.Thread(target=feed, args=(os.fdopen(os.dup(talk.say), "wb"), [long, b"3,x\n", b"4,"]), daemon=True).start()
        talk.fails("<stdin>:100001:3: 'x'")
        need(not s.names(), s.names())


@row
def an_answer_goes_to_a_fifo_or_a_file_named_as_one(s):
    os.mkfifo(s.path / "out.csv")
    hear = os.open(s.path / "out.csv", os.O_RDONLY | os.O_NONBLOCK)
    for name in ("out.csv", "/dev/stdout", "-"):
        talk = Talk(s, "-o", name, "--to", "csv", hear=hear if name == "out.csv" else None)
        talk.says(b"1,-2\n")
        if name == "out.csv":
            select.select([hear], [], [], SECONDS)
        talk.hears(b"1.0,-0.02\n")
        talk.exchanges(b"3,4\n", b"3.0,4.0\n").ends()
    os.close(hear)


@row
def a_fifo_is_an_input_like_any(s):
    s.write("a.csv", b"7,8\n")
    os.mkfifo(s.path / "in.csv")
    for threads in THREADS:
        talk = Talk(s, "a.csv", "in.csv", "--to", "csv", "--threads", threads, say=subprocess.DEVNULL)
        talk.hears(b"7.0,8.0\n")  # before anybody writes to the FIFO
        talk.say = os.open(s.path / "in.csv", os.O_WRONLY)
        talk.exchanges(b"1,-2\n", b"1.0,-0.02\n", b"3,4\n", b"3.0,4.0\n")
        os.close(talk.say)
        talk.ends()


@row
def a_descriptor_that_does_not_block_is_waited_for(s):
    reading, writing = os.pipe()
    os.set_blocking(reading, False)
    talk = Talk(s, "--to", "csv", say=reading)
    talk.say = writing
    talk.exchanges(b"1,-2\n", b"1.0,-0.02\n", b"3,4\n", b"3.0,4.0\n")
    os.close(writing)
    talk.ends()
    os.close(reading)


@row
def a_line_typed_at_a_terminal_is_answered(s):
    for threads in THREADS:
        leader, follower = pty.openpty()
        talk = Talk(s, "-", "--to", "csv", "--threads", threads, say=follower)
        talk.say = leader
        talk.exchanges(b"1,-2\n", b"1.0,-0.02\n", b"3,4\n", b"3.0,4.0\n")
        talk.says(b"\x04")  # once
        talk.ends()
        os.close(leader)
        os.close(follower)


@row
def a_log_that_grows_is_followed(s):
    if not shutil.which("tail"):
        raise Skip("no tail")
    s.write("log.csv", b"a,b\n1,-2\n")
    tail = subprocess.Popen(["tail", "-c", "+1", "-f", "log.csv"], cwd=s.path, stdout=subprocess.PIPE)
    talk = Talk(s, "--to", "csv", say=tail.stdout)
    talk.hears(b"a,b\n1.0,-0.02\n")
    for _ in range(3):
        with open(s.path / "log.csv", "ab") as log:
            log.write(b"3,-4\n")
        talk.hears(b"3.0,-0.04\n")
    tail.terminate()
    tail.wait()
    talk.ends()
    tail.stdout.close()


@row
def a_reader_that_goes_away_ends_the_talk_in_silence(s):
    for threads in THREADS:
        talk = Talk(s, "--to", "csv", "--threads", threads).exchanges(b"1,-2\n", b"1.0,-0.02\n")
        talk.process.stdout.close()
        talk.says(b"3,4\n")
        need(talk.process.wait(SECONDS) == 0, talk.process.returncode)
        need(not talk.process.stderr.read(), "a message")
        talk.process.stdin.close()
        talk.process.stderr.close()


def dribbled(data, chance):
    """The bytes in pieces of any size, mostly with a pause behind them."""
    at = 0
    while at < len(data):
        size = min(chance.choice((1, 1, 2, 5, 20, 100, 1000, 30000)), len(data) - at)
        yield data[at:at + size]
        at += size
        if chance.random() < 0.7:
            time.sleep(0.0005)


def need_alike(s, data, arguments, chance):
    whole = s.run(*arguments, "in")
    stdin = s.run(*arguments, data=data)
    for threads in ("1", "4"):
        talk = s.start([*arguments, "--threads", threads], stdin=subprocess.PIPE)
        pipe, talk.stdin = talk.stdin, None
        fcntl.fcntl(pipe, 1031, 4096)  # F_SETPIPE_SZ
        writer = threading.Thread(target=feed, args=(os.fdopen(os.dup(pipe.fileno()), "wb", 0), dribbled(data, chance)))
        pipe.close()
        writer.start()
        stdout, stderr = talk.communicate(timeout=SECONDS)
        writer.join()
        found = Outcome(stdout, stderr, talk.returncode)
        what = f"{arguments} --threads {threads} of {short(data)}: "
        need((found.status, found.stderr) == (stdin.status, stdin.stderr), what, found, "not", stdin)
        in_file = whole.stderr.replace(b"rectify: in:", b"rectify: <stdin>:")
        need(whole.status == stdin.status, what, whole, "not", stdin)
        if not data.startswith(b"\x93NUMPY"):  # whose messages know the size of a file
            need(in_file == stdin.stderr, what, whole, "not", stdin)
        if arguments[0] == "compare":  # which tells the name
            whole.stdout = whole.stdout.replace(b'"in"', b'"<stdin>"').replace(b'"in:', b'"<stdin>:')
        for other in (whole, stdin):  # whole rows before a bad one may have been given out, or not yet
            same = found.stdout == other.stdout or found.status and (
                found.stdout.startswith(other.stdout) or other.stdout.startswith(found.stdout))
            need(same, what, found, "not", other)


@row
def however_an_input_dribbles_in_the_outcome_is_the_same(s):
    chance = random.Random(0)
    ways = [["--to", to] for to in ("torch", "json", "jsonl", "csv", "npy")] + [
        ["--mode", "relu,leaky", "--to", "csv"], ["--mode", "relu,leaky", "--to", "jsonl"], ["compare", "--to", "json"]]
    inputs = [b"", b"\n", b" \r\n\r\n", b"5", b"5\n", b"a\n", b"a\r\n1\r\n", b"1,2\r\n\r\n\r\n3,4\r\n\r\n", b"1\n\n2\n", b"[1,-2]\n",
              b"[1,-2]\n[3,-4]\n", b"[1,-2]", b"[1][2]", b"[[1,2],\n[3,4]]\n", b"[1]]\n", b"\xef\xbb\xbf[1]\n[2]\n",
              b"\xef\xbb\xbf1\n2\n", b"\xef\xbb", b"\x93NUM", b"PK", b"v\n1\n", b"a\0", b"1\0\0\0", array(1, -2) * 3,
              array(1, -2) + b"x", array(1, 2)[:-1], BIG[:100000], b"[" + b"1.5, " * 20000 + b"1]\n[2]\n",
              b"[[" + b"1.5, -2], [" * 20000 + b"1, 2]]\n", b"[[" + b"1.5, -2], [" * 20000 + b"1, x]]\n"]
    for folder, settings in (("csv", 10), ("json", 5), ("npy", 4)):  # the bytes that choose the fuzzer's options
        seeds = sorted((SEEDS / folder).iterdir())
        inputs += [seed.read_bytes()[settings:] for seed in chance.sample(seeds, 50)]
    for data in inputs:
        s.write("in", data)
        for how in chance.sample(ways, 2):
            need_alike(s, data, how, chance)


@row
def half_of_the_rows_is_half_of_all_of_them(s):
    chance = random.Random(1)
    for data in (b"1\n2\n3\n4\n", b"1\n2\n3\n", b"1,2\n3,4\n5,6\n7,8\n", b"".join(b"%d\n" % i for i in range(20000))):
        s.write("in", data)
        for to in ("json", "csv"):
            need_alike(s, data, ["--from", "csv", "--header", "no", "--mode", "glu(0)", "--to", to], chance)
    s.run("--randn", "60000,5", "--mode", "glu(0)", "--to", "npy", "-o", "out").succeeds()
    s.run("--randn", "60001,5", "--mode", "glu(0)", "--to", "npy", "-o", "out").refuses("dimension 0 is size 60001")

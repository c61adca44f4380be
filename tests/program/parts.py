"""Parts of a file, one after the other, are the undivided output: `--part K/N` for N in 1, 2, 3, 8 and (unless a
sanitizer slows the program) 64, for every format that can be divided, whatever stands where a part begins; errors that
keep the file's own line; what is refused; and GNU parallel, with a job that is killed.
"""
import json
import random
import re
import shutil
import struct
import subprocess

import harness
from harness import ENVIRONMENT, Outcome, Skip, need, npy, patience, row, short

COUNTS = (1, 2, 3, 8, 64) if patience(1) == 1 else (1, 2, 3, 8)  # 64 parts would take minutes


class Scratch(harness.Scratch):
    def parts(self, count, *arguments):
        return [self.result("--part", f"{k}/{count}", *arguments) for k in range(1, count + 1)]

    def adds_up(self, name, data, *options, to=("csv", "jsonl"), counts=None):
        """Of a file with these bytes, the parts of every output are the undivided output."""
        self.write(name, data)
        for form in to:
            arguments = [name, "--to", form, *options]
            whole = self.result(*arguments)
            for count in counts or (COUNTS if form == to[0] else (3, 8)):
                parts = self.parts(count, *arguments)
                need(b"".join(parts) == whole, f"{short(data, 100)}: {' '.join(arguments)} in {count} parts: "
                     f"{short(b''.join(parts))}, undivided: {short(whole)}")


def numbers(seed, lines, fields, delimiter=",", end="\n"):
    """Lines of unequal length."""
    source = random.Random(seed)

    def number():
        kind = source.randrange(8)
        if kind == 0:
            return source.choice(("nan", "-inf", "inf", "-0.0", "1e-45", "0"))
        return repr(source.gauss(0, 10 ** source.randrange(-8, 8))) if kind > 2 else str(source.randrange(-9, 10))

    return "".join(delimiter.join(number() for _ in range(fields)) + end for _ in range(lines)).encode()


def values(seed, count, code="<f"):
    source = random.Random(seed)
    number = (lambda: source.randrange(-100, 100)) if code[-1] in "bhiq" else (lambda: source.gauss(0, 3))
    return struct.pack(f"{code[0]}{count}{code[1]}", *(number() for _ in range(count)))


# ---------------------------------------------------------------- CSV and TSV

@row
def a_csv_without_a_header(s):
    s.adds_up("a.csv", numbers(1, 500, 7))


@row
def a_csv_with_a_header(s):
    s.adds_up("a.csv", b"a,b,c\n" + numbers(2, 300, 3))


@row
def a_header_of_numbers(s):
    s.adds_up("a.csv", b"1,2,3\n" + numbers(3, 50, 3), "--header", "yes")


@row
def a_header_that_goes_unwritten(s):
    s.adds_up("a.csv", b"a,b\n" + numbers(4, 50, 2), "--out-header", "no", to=("csv",))


@row
def a_header_asked_for_stands_before_every_part(s):
    for head in (b"a,b\n", b""):
        s.write("a.csv", head + numbers(5, 50, 2))
        whole = s.result("a.csv", "--to", "csv", "--out-header", "yes")
        line = whole[:whole.index(b"\n") + 1]
        for count in COUNTS:
            parts = s.parts(count, "a.csv", "--to", "csv", "--out-header", "yes")
            need(all(part.startswith(line) for part in parts), count, short(parts))
            need(line + b"".join(part[len(line):] for part in parts) == whole, count, short(parts))


@row
def a_line_break_in_a_quoted_name(s):
    s.adds_up("a.csv", b'"a\nb, ""c""","\n\n",d\n' + numbers(6, 60, 3))
    s.adds_up("a.csv", b'"a\r\nb",c\r\n' + numbers(6, 60, 2, end="\r\n"))


@row
def a_byte_order_mark(s):
    s.adds_up("a.csv", b"\xef\xbb\xbf" + numbers(7, 40, 2))
    s.adds_up("a.csv", b'\xef\xbb\xbf"a",b\n' + numbers(7, 40, 2))


@row
def carriage_returns(s):
    s.adds_up("a.csv", b"a,b\r\n" + numbers(8, 100, 2, end="\r\n"))
    s.adds_up("a.csv", numbers(8, 30, 1, end="\r\n").rstrip())


@row
def no_newline_at_the_end(s):
    s.adds_up("a.csv", numbers(9, 100, 4).rstrip(b"\n"))
    s.adds_up("a.csv", b"1,2\n3,4")
    s.adds_up("a.csv", b"a,b\n3,4")


@row
def blank_lines(s):
    s.adds_up("a.csv", b"\n \n\t\n" + b"\n\n \t \r\n".join(numbers(10, 30, 3).splitlines()) + b"\n" * 500)
    s.adds_up("a.csv", b"\n\na,b\n" + b"\n" * 300 + b"1,2\n" + b"\r\n" * 300 + b"3,4")


@row
def blank_lines_of_a_single_column_are_rows(s):
    """Those between its rows, wherever a part or a block (256 KiB at most) ends among them."""
    lines = numbers(11, 60, 1).splitlines()
    blank = random.Random(12)
    column = b"".join(line + b"\n" * blank.choice((1, 1, 2, 3, 40)) for line in lines)
    for head in (b"", b"\n\n", b"x\n", b"\nx\n\n\n"):
        s.adds_up("a.csv", head + column + b"\n \n\t\r\n", "--missing", "7")
    many = b"x\n1\n" + b"\n" * 3000000 + b"2\n" + b" \r\n" * 100000
    s.adds_up("a.csv", many, "--missing", "7", to=("csv",), counts=(1, 3, 8))
    whole = s.result("a.csv", "--missing", "7", "--to", "csv", "--mode", "relu")
    need(whole == b"x\n1.0\n" + b"7.0\n" * 3000000 + b"2.0\n", short(whole))
    # Of the parts the first that has a blank line gives the error of the whole.
    for count in (1, 3, 8):
        s.run("a.csv", "--part", f"1/{count}", "--to", "csv").says(r"a\.csv:3:1: field 1 of 1 is missing", 1)


@row
def a_comment_that_a_block_cuts_behind_blank_lines_is_no_row(s):
    """Where a part ends, what follows is looked at 64 KiB at a time."""
    for blank in range(131066, 131075):
        for comment in (b"//x", b"  // " + b"x" * 70000, b" " * 70000 + b"//"):
            whole = b"1\n" + b"\n" * blank + comment + b"\n"
            s.adds_up("a.csv", whole, "--comment", "//", "--missing", "nan", "--header", "no", to=("csv",), counts=(2,))
            s.adds_up("a.csv", whole + b"2\n", "--comment", "//", "--missing", "0", "--header", "no", to=("csv",), counts=(2,))


@row
def a_first_value_longer_than_a_block_is_of_one_part(s):
    matrix = [[1.5] * 50 for _ in range(60)]
    s.adds_up("a.jsonl", (json.dumps([matrix] * 80) + "\n[[[1, -2]]]\n").encode(), to=("jsonl",), counts=(1, 2, 3))


@row
def a_part_may_be_blank_though_the_file_begins_so(s):
    blank = b"\n" * 300000  # longer than a block
    s.adds_up("a.jsonl", blank + b"[1, -2]\n" + blank + b"[3, -4]\n" + blank, to=("jsonl",), counts=(1, 2, 5))
    # The header is the first part's, whether or not a value is in it.
    for value in (b"-4", b"[1, -2]", b"[[1, -2], [3, 4]]", b"[[1], [-2]]", b"[]", b"[[]]"):
        for options in (("--mode", "relu,leaky"), ("--echo",), ()):
            s.adds_up("a.jsonl", blank[:40] + value + b"\n" + blank[:9] + value + b"\n", *options, counts=(1, 2, 9, 60))
            s.adds_up("a.jsonl", value, *options, counts=(2, 3, 60))
    s.adds_up("a.jsonl", blank[:40] + b'{"a": [1, -2]}\n', "--pointer", "/a", "--mode", "relu,leaky", counts=(2, 60))
    s.adds_up("a.jsonl", blank[:40] + b'{"a": [1, -2]}\n', "--pointer", "/a/*", "--mode", "relu,leaky", counts=(2, 60))
    s.write("b.jsonl", blank)
    for part in ("1/1", "1/3", "3/3"):
        s.run("b.jsonl", "--part", part, "--to", "jsonl").says("no tensor in it", 1)


@row
def lines_longer_than_a_part(s):
    s.adds_up("a.csv", numbers(11, 3, 500), to=("csv",))
    s.adds_up("a.csv", b"1,2\n" + b"0" * 20000 + b"1,2\n3,4\n")
    s.adds_up("a.csv", (b"a" * 5000 + b",b\n") + numbers(12, 5, 2))


@row
def more_parts_than_lines(s):
    s.adds_up("a.csv", b"1,-2\n3,-4\n5,-6\n")
    s.adds_up("a.csv", b"x,y\n1,-2\n", counts=(2, 64, 1000))


@row
def one_column(s):
    s.adds_up("a.csv", numbers(13, 100, 1))
    s.adds_up("a.csv", b"a\n" + numbers(13, 100, 1))
    s.adds_up("a.csv", b'""\n' + numbers(13, 10, 1), "--header", "yes")


@row
def one_row(s):
    s.adds_up("a.csv", numbers(14, 1, 9))
    s.adds_up("a.csv", b"-5\n")


@row
def missing_quoted_and_padded_fields(s):
    line = b' 1 ,"2", "-3" \n,-4,\n\t5\t,-inf,"nan"\n'
    s.adds_up("a.csv", line * 20, "--missing", "nan")
    s.adds_up("a.csv", b'a,"b","c,d"\n' + line * 20, "--missing", "-7")


@row
def other_delimiters_and_decimal_points(s):
    s.adds_up("a.csv", b"a;b\n" + numbers(15, 80, 2, ";").replace(b".", b","), "--delimiter", ";", "--decimal", ",")
    s.adds_up("a.tsv", b"a\tb\n" + numbers(15, 80, 2, "\t"), to=("tsv", "csv"))
    s.adds_up("a.txt", numbers(15, 80, 2, "|"), "--from", "csv", "--delimiter", "|")


@row
def every_operation(s):
    data = b"a,b\n" + numbers(16, 60, 2)
    for options in (["--mode", "relu,leaky"], ["--grad", "--slope", "0.2"], ["--echo"], ["--inplace"],
                    ["--mode", "relu", "--dtype", "float64"], ["--dtype", "bfloat16"]):
        s.adds_up("a.csv", data, *options, counts=(3, 8))
    s.adds_up("a.csv", numbers(17, 40, 2), "--mode", "relu,leaky", counts=(3, 8))


@row
def every_number_of_threads(s):
    s.write("a.csv", numbers(18, 60000, 3))
    whole = s.result("a.csv", "--to", "csv", "--threads", "1")
    for threads in ("1", "2", "5"):
        need(b"".join(s.parts(3, "a.csv", "--to", "csv", "--threads", threads)) == whole, threads, "threads")


@row
def every_byte_may_begin_a_part(s):
    data = b"a,b\n1,-2\r\n\n-33,44\n 5 , 6\n7,8"
    s.adds_up("a.csv", data, to=("csv",), counts=range(1, 40))
    s.adds_up("a.csv", b'\xef\xbb\xbf"a\nb",c\n1,-2\n-33,44', to=("csv",), counts=range(1, 30))


# ---------------------------------------------------------------- JSON Lines and NPY

@row
def json_lines_of_rows(s):
    lines = [b"[" + line.replace(b"nan", b"NaN").replace(b"inf", b"Infinity") + b"]"
             for line in numbers(20, 200, 3).splitlines()]
    s.adds_up("a.jsonl", b"\n".join(lines) + b"\n")
    s.adds_up("a.jsonl", b"\r\n\r\n".join(lines))
    s.adds_up("a.jsonl", b"\xef\xbb\xbf" + b"\n".join(lines[:5]))


@row
def json_lines_of_numbers_and_matrices(s):
    s.adds_up("a.jsonl", b"\n".join(b"%d" % i for i in range(-50, 50)), to=("jsonl",))
    s.adds_up("a.jsonl", b"[[1,-2],[3,4]]\n[-5]\n-6\n[[[7]],[[-8]]]\n" * 9, to=("jsonl",))


@row
def a_json_sequence(s):
    s.adds_up("a.jsonl", b"".join(b"\x1e[%d, -0.5]\n" % i for i in range(90)))
    s.adds_up("a.jsonl", b"".join(b"\x1e[[%d], [-0.5]]\n" % i for i in range(20)) + b"\x1e-7", to=("jsonl",))


@row
def a_record_behind_a_pointer(s):
    s.adds_up("a.jsonl", b"".join(b'{"id": %d, "x": [%d, -0.5]}\n' % (i, -i) for i in range(90)), "--pointer", "/x")


@row
def npy_of_one_dimension(s):
    s.adds_up("a.npy", npy("(100,)", values(21, 100)), to=("csv", "tsv"))
    s.adds_up("a.npy", npy("(1,)", values(21, 1)), to=("csv", "tsv"))


@row
def npy_of_two_dimensions(s):
    for shape, count in (("(100, 3)", 300), ("(1, 9)", 9), ("(9, 1)", 9), ("(2, 4000)", 8000)):
        s.adds_up("a.npy", npy(shape, values(22, count)), counts=(1, 2, 3, 8, 11))


@row
def npy_of_three_dimensions(s):
    s.adds_up("a.npy", npy("(10, 4, 5)", values(23, 200)), to=("jsonl",))


@row
def npy_in_fortran_order(s):
    s.adds_up("a.npy", npy("(50, 6)", values(24, 300), fortran=True))
    s.adds_up("a.npy", npy("(10, 4, 5)", values(24, 200), fortran=True), to=("jsonl",))


@row
def npy_of_every_dtype_and_byte_order(s):
    for code, kind in (("f", "f4"), ("d", "f8"), ("e", "f2"), ("b", "i1"), ("h", "i2"), ("i", "i4"), ("q", "i8")):
        for order in "<>":
            for fortran in (False, True):
                data = npy("(13, 2)", values(25, 26, order + code), order + kind, fortran)
                s.adds_up("a.npy", data, "--mode", "relu", to=("csv",), counts=(1, 4))


@row
def npy_without_rows_or_columns(s):
    s.adds_up("a.npy", npy("(0, 3)", b""), to=("csv", "jsonl"), counts=(1, 3))
    s.adds_up("a.npy", npy("(3, 0)", b""), to=("jsonl",), counts=(1, 2, 5))


@row
def the_file_behind_standard_input(s):
    s.write("a.csv", b"a,b\n" + numbers(26, 50, 2))
    whole = s.result("a.csv", "--to", "csv")
    got = b""
    for k in range(1, 4):
        with open(s.path / "a.csv", "rb") as file:
            outcome = s.run("--from", "csv", "--to", "csv", "--part", f"{k}/3", stdin=file)
        need(outcome.status == 0 and not outcome.stderr, outcome)
        got += outcome.stdout
    need(got == whole, short(got))


@row
def several_files_are_no_input_for_part(s):
    s.write("a.csv", numbers(27, 20, 2))
    s.write("b.csv", numbers(28, 20, 2))
    s.run("a.csv", "b.csv", "--to", "csv", "--part", "2/3").says("--part divides one file", 2)


# ---------------------------------------------------------------- errors

@row
def a_byte_order_mark_counts_in_the_columns_of_every_part(s):
    s.write("a.csv", b"\xef\xbb\xbf1,x\n")
    whole = s.run("a.csv", "--header", "no")
    whole.says("^rectify: a.csv:1:6: ", 1)
    need(s.run("a.csv", "--header", "no", "--part", "1/1").stderr == whole.stderr, "another place")


def one_part_fails(s, name, data, place, *options):
    """The part that holds the bad line says what the undivided run says; every other part is as it should be."""
    s.write(name, data)
    arguments = [name, "--to", "jsonl", *options]
    undivided = s.run(*arguments)
    undivided.says(f"^rectify: {re.escape(name)}:{place}: ", 1)
    for count in COUNTS:
        outcomes = [s.run("--part", f"{k}/{count}", *arguments) for k in range(1, count + 1)]
        bad = [outcome for outcome in outcomes if outcome.status]
        need(len(bad) == 1 and bad[0].stderr == undivided.stderr and bad[0].status == 1,
             f"one of {count} parts should say {short(undivided.stderr)}; got {bad}")
        need(not any(outcome.stderr for outcome in outcomes if not outcome.status), count, "parts are not silent")


@row
def an_error_names_the_files_own_line(s):
    good = numbers(30, 40, 2)
    one_part_fails(s, "a.csv", good + b"1,x\n" + good, "41:3")
    one_part_fails(s, "a.csv", b"a,b\n" + good + b"1,2,3\n" + good, "42:5")
    one_part_fails(s, "a.csv", b'"a\n\n",b\n\n' + good + b"\n\n1\n" + good, "47:2")
    one_part_fails(s, "a.csv", good.replace(b"\n", b"\r\n") + b"1,2\r\n3,\r\n" + good, "42:3")
    one_part_fails(s, "a.csv", good + b"1,\"2", "41:3")


@row
def an_error_in_json_lines_names_the_files_own_line(s):
    good = b"[1,-2]\n" * 30
    one_part_fails(s, "a.jsonl", good + b"[1,x]\n" + good, "31:4")
    one_part_fails(s, "a.jsonl", good + b"\n\n[1,2]]\n" + good, "33:6")
    # A list that goes on is a surprise on another line, depending on where the part ends.
    s.write("a.jsonl", good + b"[1,2\n" + good)
    for k in range(1, 4):
        outcome = s.run("a.jsonl", "--to", "jsonl", "--part", f"{k}/3")
        if k == 2:
            outcome.says("a.jsonl:3[12]:", 1)
        else:
            need(outcome.status == 0, outcome)


@row
def a_bad_header_fails_every_part(s):
    s.write("a.csv", b'a,"b\n' + numbers(31, 50, 2))
    undivided = s.run("a.csv", "--to", "csv")
    for k in range(1, 4):
        outcome = s.run("a.csv", "--to", "csv", "--part", f"{k}/3")
        outcome.says("a.csv:1:3: ", 1)
        need(outcome.stderr == undivided.stderr, outcome)


@row
def a_cut_npy_fails(s):
    s.write("a.npy", npy("(100, 2)", values(32, 200))[:-60])
    statuses = [s.run("a.npy", "--to", "csv", "--part", f"{k}/4").status for k in range(1, 5)]
    need(1 in statuses and set(statuses) <= {0, 1}, statuses)


@row
def what_cannot_be_divided_is_wrong_usage(s):
    s.write("a.csv", b"1,2\n3,4\n")
    s.write("a.json", b"[[1,2],[3,4]]\n")
    s.run("--from", "csv", "--part", "1/2", data=b"1,2\n3,4\n").says("--part", 2)
    s.run("--from", "npy", "--part", "1/2", data=npy("(2,)", values(33, 2))).says("--part", 2)
    s.run("--from", "jsonl", "--part", "1/2", data=b"[1]\n[2]\n").says("--part", 2)
    s.run("a.json", "--part", "1/2").says("--part", 2)
    s.run("a.csv", "--from", "json", "--part", "1/2").says("--part", 2)
    s.run("--randn", "4,2", "--seed", "0", "--part", "1/2").says("--part", 2)
    s.run("--tensor", "[1,2]", "--part", "1/2").says("--part", 2)
    s.write("two.npy", npy("(2,)", values(33, 2)) * 2)
    s.run("two.npy", "--part", "1/2", "--to", "csv").says("--part", 2)


@row
def what_is_no_part_is_wrong_usage(s):
    s.write("a.csv", b"1,2\n3,4\n")
    for text in ("", "1", "0/2", "3/2", "1/0", "-1/2", "1/-2", "a/b", "1/2/3", "1/2x", " 1/2", "1 /2", "1.5/2", "1/",
                 "/2", "1e0/2", "1/18446744073709551617", "18446744073709551616/2", "+1/2", "0x1/2"):
        s.run("a.csv", f"--part={text}").says("--part", 2)
    need(s.run("a.csv", "--part").status == 2, "no value")


# ---------------------------------------------------------------- GNU parallel

def parallel(s, job, *options, before=""):
    """`seq 8 | parallel -k OPTIONS JOB`, where `rectify` is the program."""
    program = shutil.which("parallel")
    if program is None:
        raise Skip("no GNU parallel")
    version = subprocess.run([program, "--version"], capture_output=True, check=False, env=ENVIRONMENT,
                             stdin=subprocess.DEVNULL).stdout
    if b"GNU parallel" not in version:
        raise Skip("this parallel is not GNU's")
    (s.path / "bin").mkdir(exist_ok=True)
    if not (s.path / "bin" / "rectify").is_symlink():
        (s.path / "bin" / "rectify").symlink_to(s.binary)
    environment = {**ENVIRONMENT, "PATH": f"{s.path / 'bin'}:{ENVIRONMENT['PATH']}", "HOME": str(s.path),
                   "SHELL": "/bin/sh"}
    done = subprocess.run(["sh", "-c", f'{before}\nseq 8 | parallel --will-cite -k -j2 "$@"', "sh", *options, job],
                          cwd=s.path, env=environment, stdin=subprocess.DEVNULL, capture_output=True, timeout=60,
                          check=False)
    return Outcome(done.stdout, done.stderr, done.returncode)


@row
def gnu_parallel_gives_the_undivided_bytes(s):
    s.write("acts.csv", b"a,b,c\n" + numbers(40, 2000, 3))
    outcome = parallel(s, "rectify --part {}/8 acts.csv --to csv", "--halt", "soon,fail=1")
    need(outcome.status == 0 and outcome.stdout == s.result("acts.csv", "--to", "csv"), outcome)


@row
def a_killed_job_stops_gnu_parallel(s):
    s.write("acts.csv", b"a,b,c\n" + numbers(41, 2000, 3))
    job = "if [ {} = 5 ]; then kill -9 $$; fi; rectify --part {}/8 acts.csv --to csv"
    outcome = parallel(s, job, "--halt", "soon,fail=1")
    need(outcome.status != 0 and len(outcome.stdout) < len(s.result("acts.csv", "--to", "csv")), outcome)


@row
def a_bad_line_stops_gnu_parallel_with_its_place(s):
    s.write("acts.csv", numbers(42, 700, 3) + b"1,2,?\n" + numbers(43, 700, 3))
    outcome = parallel(s, "rectify --part {}/8 acts.csv --to csv", "--halt", "soon,fail=1")
    need(outcome.status == 1 and b"acts.csv:701:5: " in outcome.stderr, outcome)


@row
def a_job_killed_once_is_made_good_by_a_retry(s):
    s.write("acts.csv", b"a,b,c\n" + numbers(44, 2000, 3))
    # The first time, part 3 writes half of its output and dies.
    job = ("if [ {} = 3 ] && mkdir once 2>/dev/null; then rectify --part {}/8 acts.csv --to csv | head -c 5000; "
           "kill -9 $$; fi; rectify --part {}/8 acts.csv --to csv")
    outcome = parallel(s, job, "--retries", "3")
    need((s.path / "once").is_dir(), "the job was not killed", outcome)
    need(outcome.status == 0 and outcome.stdout == s.result("acts.csv", "--to", "csv"), outcome)


@row
def a_killed_job_leaves_no_file(s):
    s.write("acts.csv", b"a,b,c\n" + numbers(45, 2000, 3))
    # With -o a part is there whole or not at all, so that a second run need only make what is missing.
    job = ("[ -e {}.csv ] || { [ {} != 6 ] || [ -e again ] || "
           "{ (ulimit -f 1; exec rectify --part {}/8 acts.csv -o {}.csv); exit 1; }; "
           "rectify --part {}/8 acts.csv -o {}.csv; }")
    first = parallel(s, job)
    made = sorted(path.name for path in s.path.glob("[0-9]*.csv"))
    need(first.status == 1 and made == [f"{k}.csv" for k in (1, 2, 3, 4, 5, 7, 8)], first, made)
    second = parallel(s, job, before="touch again")
    whole = b"".join((s.path / f"{k}.csv").read_bytes() for k in range(1, 9))
    need(second.status == 0 and whole == s.result("acts.csv", "--to", "csv"), second)

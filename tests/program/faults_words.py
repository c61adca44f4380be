"""Options that make no sense, and hostile text in messages."""
import gzip
import io
import json
import os
import pty
import re
import struct
import zipfile

from harness import need, npy, packed, row


@row
def absurd_numbers_in_options_are_refused_or_harmless(s):
    for option in ("--precision=1000000000", "--precision=-1", "--precision=99999999999999999999",
                   "--linewidth=-1", "--linewidth=0", "--linewidth=18446744073709551615",
                   "--edgeitems=4611686018427387904", "--edgeitems=-1", "--threshold=-1", "--threshold=1e400"):
        outcome = s.run("--tensor", "[1.5, 2, -3]", "--threshold", "2", option)
        if outcome.status:
            outcome.refuses(option.split("=")[0], status=2)
        else:
            need(outcome.stdout.startswith(b"tensor([") and not outcome.stderr, option, outcome)


@row
def a_billion_threads_are_capped_or_refused(s):
    outcome = s.run("--tensor", "[1,-2]", "--threads", "1000000000", "--mode", "relu")
    if outcome.status:
        outcome.refuses("--threads", status=2)
    else:
        outcome.gives(b"tensor([1., 0.])\n")


@row
def impossible_randn_shapes_are_refused_at_once(s):
    # A sanitizer ends the program that asks for so much memory.
    large = ["1000000000000000000"] if s.limited_memory() else []
    for shape in (*large, "9223372036854775808", "18446744073709551616", "4294967296,4294967296",
                  "0,9223372036854775808"):
        s.run("--randn", shape, before=s.limited_memory()).refuses(status=(1, 2))


@row
def no_source_on_a_terminal_is_wrong_usage_at_once(s):
    leader, follower = pty.openpty()
    try:
        outcome = s.run(stdin=follower)
    finally:
        os.close(leader)
        os.close(follower)
    need(outcome.status == 2 and not outcome.stdout and 0 < len(outcome.stderr) < 3000, outcome)


@row
def pointers_that_are_none_are_refused(s):
    for pointer in ("a", "/~2", "/01", "/-", "/18446744073709551616", "/2", "/~", "/0/0"):
        s.run("--tensor", "[1, 2]", f"--pointer={pointer}").refuses(status=(1, 2))


ESCAPE = r"\\(x[0-9a-f]{2}|[rn])"  # as a message shows each of these

NASTY = (b"\x1b[31m", b"\r", b"\x07", b"\n", b"\x7f", b"\xc2\x9b", b"\x9b", "\u202e".encode(), "\u2028".encode(),
         b"\xff\xfe", b"\xc3")


@row
def control_characters_in_names_are_escaped(s):
    for nasty in NASTY:
        name = b"a" + nasty + b"b.csv"
        s.run(name).refuses(f"a{ESCAPE}.*No such file")
        with open(os.path.join(os.fsencode(s.path), name), "wb") as file:
            file.write(b"1,2\n3,x\n")
        s.run(name).refuses(":2:3: ")
        s.run("--tensor", "1", "-o", b"nowhere/" + name).refuses(f"a{ESCAPE}")


@row
def control_characters_in_fields_are_escaped(s):
    for nasty in NASTY:
        if nasty not in (b"\n", b"\r"):
            s.run("-", "--from", "csv", data=b"1,2\n3,4" + nasty + b"5\n").refuses(f"<stdin>:2:[34]: .*{ESCAPE}")
        place = f"<stdin>:1:5: .*{ESCAPE}" if nasty not in b"\r\n" else ""
        s.run("-", "--from", "json", data=b"[1, x" + nasty + b"]").refuses(place)
        s.run("-", "--from", "json", data=b'{"a' + nasty + b'": 1, "a' + nasty + b'": 2}').refuses("<stdin>:1:")


@row
def control_characters_in_options_are_escaped(s):
    for nasty in NASTY:
        for option in (b"--slope=1", b"--mode=", b"--no", b"--to=", b"--randn=", b"--from="):
            s.run("--tensor", "1", option + nasty).refuses(status=2)


@row
def long_fields_are_shortened_in_messages(s):
    s.run("-", "--from", "csv", data=b"1,2\n3," + b"x" * 1000000 + b"\n").refuses("<stdin>:2:3: ")
    s.run("-", "--from", "json", data=b"[1," + b"x" * 1000000 + b"]").refuses("<stdin>:1:4: ")
    s.run("-", "--from", "json", data=b'["' + b"x" * 1000000 + b'"]').refuses("<stdin>:1:2: ")
    s.run("--tensor", "1", "--slope=" + "x" * 100000).refuses(status=2)


@row
def format_directives_are_text(s):
    for text in ("{}", "%s%n", "{0:1000000}", "%1000000d"):
        s.run(text + ".csv").refuses(re.escape(text))
        s.run("-", "--from", "csv", data=b"1,2\n3," + text.encode() + b"\n").refuses(re.escape(text))
        s.run("--tensor", "1", "--slope", text).refuses(re.escape(text), status=2)


@row
def options_that_make_no_sense_are_wrong_usage(s):
    s.write("a.csv", b"1,-2\n")
    wrong = {
        "--slope": ("nan", "inf", "-inf", "abc", "", "0,1", "1e999", "0x1", "1_0", " "),
        "--threads": ("-1", "x", "1.5", "99999999999999999999", "", "1e3"),
        "--randn": ("-1", "1.5", "", "2,,3", "1e3", "3,", ",3", "0x2", " ", "(3"),
        "--seed": ("18446744073709551616", "abc", "", "1.5", "-9223372036854775809"),
        "--mode": ("", "tanhh", "relu,,leaky", "relu,tanhh", ","),
        "--dtype": ("", "float8", "complex64", "str"), "--from": ("", "xml"), "--to": ("", "xml"),
        "--part": ("", "0/2", "3/2", "1/0", "-1/2", "1", "1/2/3", "a/b", "1/99999999999999999999"),
        "--missing": ("", "abc", "1,5"), "--delimiter": ("", "ab"), "--decimal": ("", "ab"),
        "--ndmin": ("x", "-1", "99"),
        "--nan": ("", "zero"), "--header": ("", "maybe"), "--sci-mode": ("", "x"), "--profile": ("", "x"),
    }
    for option, values in wrong.items():
        for value in values:
            source = [] if option == "--randn" else ["--randn", "2"] if option == "--seed" else ["a.csv"]
            s.run(*source, f"{option}={value}").refuses(status=2)
    for arguments in (["--fail-if-dead=x"], ["--fail-if-dead=nan"], ["--dead-below=-1"], ["--dead-below=nan"],
                      ["--unit-axis=x"], ["--slope=nan"], ["--check=tanhh"], ["--mode=relu,relu,"], ["--plot=a.xyz"],
                      ["--to=npy"], ["--top=-1"], ["--top=x"], ["--top=3", "--to=json"], ["--top=3", "--to=csv"]):
        s.run("compare", "a.csv", *arguments).refuses(status=2)
    for arguments in (["--tensor", "1", "--randn", "2"], ["a.csv", "--tensor", "1"], ["a.csv", "--randn", "2"],
                      ["--randn", "2", "--pointer", "/a"], ["--randn", "2", "--header", "no"],
                      ["--randn", "2", "--missing", "0"], ["--randn", "2", "--delimiter", ";"],
                      ["--randn", "2", "--decimal", ","], ["--randn", "2", "--from", "csv"],
                      ["--tensor", "1", "--from", "csv"], ["--tensor", "[1]", "--header", "no"]):
        s.run(*arguments).refuses(status=2)
    need(s.names() == ["a.csv"], s.names())


@row
def options_of_other_formats_are_refused_not_ignored(s):
    s.write("a.csv", b"1,-2\n")
    s.write("a.tsv", b"1\t-2\n")
    s.write("a.json", b"[1, -2]\n")
    s.write("a.jsonl", b"[1]\n[2]\n")
    s.write("a.npy", npy((2,), [1, -2]))
    header = b'{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}      '
    s.write("a.safetensors", struct.pack("<Q", len(header)) + header + packed([1]))
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("a.npy", npy((2,), [1, -2]))
    s.write("a.npz", file.getvalue())
    s.write("a.json.gz", gzip.compress(b"[1, -2]\n"))
    of_tables = (["--ndmin", "1"], ["--ndmin", "2"], ["--header", "no"], ["--delimiter", ";"], ["--decimal", ","],
                 ["--missing", "0"], ["--missing-words", "NA"], ["--skip", "1"], ["--skip-after-header", "1"],
                 ["--comment", "#"], ["--columns", "1"], ["--keep", "1"])
    for name in ("a.json", "a.jsonl", "a.npy", "a.npz", "a.safetensors", "a.json.gz"):
        for option in of_tables:
            for source in ([name], ["-", "--from", name.split(".")[1]]):
                data = s.read(name) if source[0] == "-" else None
                s.run(*source, *option, data=data).refuses(f"{option[0]} is for CSV, and this is", 2)
                if option[0] != "--ndmin":
                    s.run("compare", *source, *option, data=data).refuses(f"{option[0]} is for CSV, and this is", 2)
    for name in ("a.csv", "a.tsv", "a.npy", "a.npz", "a.safetensors"):
        s.run(name, "--pointer", "/0").refuses("--pointer is for JSON", 2)
    for name in ("a.csv", "a.tsv", "a.npy"):
        s.run(name, "--key", "a").refuses("--key is for ", 2)
    for name in ("a.json", "a.jsonl"):
        s.run(name, "--key", "a").refuses("--key takes a tensor by its name, and this one has none", 2)
    s.run("--tensor", "[1]", "--ndmin", "2").refuses("--ndmin is for CSV, and this is json", 2)
    s.run("a.csv", "--part", "1/2", "--ndmin", "1").refuses("--part implies --ndmin 2", 2)
    s.run("compare", "a.json").succeeds()  # which asks for two dimensions itself
    of_outputs = {"torch": (["--precision", "2"], ["--threshold", "1"], ["--edgeitems", "1"], ["--linewidth", "9"],
                            ["--sci-mode", "on"], ["--profile", "full"]),
                  "csv tsv": (["--out-header", "yes"], ["--out-delimiter", ";"], ["--out-decimal", "."]),
                  "csv tsv json jsonl": (["--float-format", "%.1f"],), "json jsonl": (["--nan", "null"],)}
    for to in ("torch", "csv", "tsv", "json", "jsonl", "npy", "npz", "safetensors"):
        for takers, options in of_outputs.items():
            for option in options:
                outcome = s.run("a.csv", *option, "--to", to)
                if to in takers.split():
                    outcome.succeeds()
                else:
                    outcome.refuses(f"{option[0]} is for --to {takers.replace(' ', ', ')}, and this is {to}", 2)
    # What lists or draws, and applies nothing.
    for option in (["--mode", "relu"], ["--slope", "1"], ["--grad"], ["--echo"], ["--inplace"], ["--nan", "null"],
                   ["--precision", "2"], ["--out-header", "no"], ["--float-format", "%g"]):
        s.run("--list", "a.csv", *option).refuses(f"--list tells what there is, and applies nothing: leave out {option[0]}", 2)
    s.run("--list", "a.csv", "-o", "out.csv").refuses("--list is a table, .*: not csv", 2)
    s.run("--list", "a.csv", "-o", "out").refuses("no extension .*--to torch|json|jsonl", 2)
    s.run("--list", "a.csv", "-o", "list.json").succeeds()
    need(json.loads(s.read("list.json"))[0]["shape"] == [2], s.read("list.json"))
    for option in (["--to", "csv"], ["-o", "b.csv"], ["--dtype", "float64"], ["--precision", "2"]):
        s.run("--plot-modes", "x.svg", *option).refuses("--plot-modes draws the modes alone: leave out --", 2)
    s.run("--plot-modes", "x.svg", "--mode", "relu", "--slope", "1").refuses("leave --slope out", 2)
    s.run("compare", "a.csv", "--per-unit", "--top", "1").refuses("--per-unit shows every unit", 2)
    for option in (["--check", "relu"], ["--check", "relu", "--fail-if-nan"]):
        s.run("compare", "a.csv", *option).refuses("--check goes with --fail-if-dead or --fail-if-dormant", 2)


@row
def integers_that_do_not_fit_are_refused(s):
    for dtype, text in (("int8", "[300]"), ("int8", "[-129]"), ("uint8", "[-1]"), ("uint8", "[256]"),
                        ("int64", "[NaN]"), ("int64", "[1e300]"), ("int64", "[9223372036854775808]"),
                        ("int32", "[-Infinity]"), ("int16", "[null]")):
        s.run("--tensor", text, "--dtype", dtype, "--mode", "relu").refuses("--tensor:")


@row
def a_command_line_of_any_length_is_read(s):
    text = "[" + ",".join(["1"] * 50000) + "]"
    s.run("--tensor", text, "--to", "json").gives(b"[" + b", ".join([b"1.0"] * 50000) + b"]\n")
    s.write("a.csv", b"1\n")
    s.run(*["a.csv"] * 5000, "--to", "csv").gives(b"1.0\n" * 5000)
    s.run(*["--slope=0.5"] * 5000, "--tensor", "-1", "--to", "json").gives(b"-0.5\n")
    outcome = s.run("--tensor", "1", "-o", "n/" * 60000)
    need(outcome.status == 1 and b"too long" in outcome.stderr and len(outcome.stderr) < 5000, outcome)
    outcome = s.run("n" * 100000)
    need(outcome.status == 1 and b"too long" in outcome.stderr and len(outcome.stderr) < 5000, outcome)
    s.run("--" + "n" * 100000).refuses(status=2)
    outcome = s.run("-" + "v" * 100000, "--tensor", "1", "--to", "json")
    told = outcome.stderr.startswith(b"rectify: instructions: ") and outcome.stderr.count(b"\n") == 1
    need(outcome.status == 0 and outcome.stdout == b"1.0\n" and told, outcome)


@row
def hostile_names_in_compare_are_escaped(s):
    for nasty in NASTY:
        name = b"a" + nasty + b"b.csv"
        for arguments in (["compare", name], ["compare", "--merge", name], ["compare", name, "--part", "1/2"]):
            s.run(*arguments).refuses("No such file")
        with open(os.path.join(os.fsencode(s.path), name), "wb") as file:
            file.write(b"1,2\n3,x\n")
        s.run("compare", name).refuses(":2:3: ")
        s.run("compare", "--merge", name).refuses("not a partial report")
        s.run("compare", "--check", nasty, "--plot", name, name).refuses(status=2)
        with open(os.path.join(os.fsencode(s.path), name), "wb") as file:
            file.write(b"u" + nasty.replace(b"\n", b"").replace(b"\r", b"") + b',v\n-1,2\n-3,1\n')
        s.run("compare", name, "--fail-if-dead", "0", "-o", "report.txt").refuses("dead under relu", status=(3,))

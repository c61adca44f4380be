"""Documents and .npy files that are none, or are hard to read."""
import io
import itertools
import re
import struct
import zipfile

from faults import small_stack
from harness import need, npy, patience, row


@row
def a_million_brackets_are_refused_on_a_small_stack(s):
    for text in (b"[" * 100000, b"[" * 1000000, b"[" * 1000000 + b"]" * 1000000):
        s.run("-", "--from", "json", data=text, before=small_stack(s)).refuses("128|deep|dimensions|nest")
    s.run("-", "--from", "jsonl", "--to", "jsonl", data=b"[" * 1000000, before=small_stack(s)).refuses()


@row
def deep_objects_are_refused_on_a_small_stack(s):
    text = b'{"a":' * 1000000
    s.run("-", "--from", "json", data=text, before=small_stack(s)).refuses()
    s.run("-", "--from", "json", "--pointer", "/b", data=text, before=small_stack(s)).refuses()
    s.run("-", "--from", "json", "--pointer", "/a/a/a", data=text, before=small_stack(s)).refuses()


@row
def a_skipped_deep_value_beside_a_pointer_ends(s):
    text = b'{"x": ' + b"[" * 1000000 + b"]" * 1000000 + b', "a": [1]}'
    outcome = s.run("-", "--from", "json", "--pointer", "/a", "--to", "json", data=text, before=small_stack(s))
    if outcome.status:
        outcome.refuses()
    else:
        outcome.gives(b"[1.0]\n")


@row
def a_hundred_thousand_digits_have_the_right_value(s):
    zeros = b"0" * 100000
    text = b"[1" + zeros + b".0, 1" + zeros + b"e-100000, 0." + zeros + b"1e100001, 1.5" + zeros + b"]"
    s.run("-", "--to", "json", "--from", "json", data=text).gives(b"[Infinity, 1.0, 1.0, 1.5]\n")
    s.run("-", "--from", "json", data=b"[1" + zeros + b"]").refuses("<stdin>:1:2: ")  # an integer, as in PyTorch
    s.run("-", "--to", "csv", "--from", "csv", data=text.strip(b"[]").replace(b" ", b"")).gives(b"inf,1.0,1.0,1.5\n")


@row
def exponents_beyond_every_integer_are_infinite_or_zero(s):
    text = b"[1e999999999999999999999, -1e2147483648, 1e-2147483649, 0e99999999999999999999, 1e18446744073709551617]"
    outcome = s.run("-", "--from", "json", "--slope", "1", "--to", "json", data=text)
    outcome.gives(b"[Infinity, -Infinity, 0.0, 0.0, Infinity]\n")


@row
def eight_megabytes_of_commas_are_answered(s):
    # In a first row they may be names, which a value would make a row of.
    s.run("-", "--from", "csv", data=b"," * 8000000).refuses(r"<stdin>:1:1: .*missing .*--header yes")
    s.run("-", "--from", "csv", "--header", "no", data=b"," * 8000000).refuses(r"<stdin>:1:1: .*--missing")
    s.run("-", "--from", "csv", "--missing", "0", data=b"," * 8000000).succeeds()
    s.run("-", "--from", "json", data=b"," * 8000000).refuses("<stdin>:1:1: ")


@row
def lines_of_many_words_are_answered(s):
    names, units, words, numbers = (b",".join([word] * 60000) + b"\n" for word in (b"c", b"m", b"x", b"1"))
    for rows in ((names, units, words, numbers), (names, units, numbers, words), (names, units, words)):
        s.run("-", "--from", "csv", data=b"".join(rows)).refuses("<stdin>:2:1: 'm' is not a number")
    s.run("-", "--from", "csv", data=names + numbers + words).refuses("<stdin>:3:1: 'x' is not a number")
    half = b",".join([b"x", b"1"] * 30000) + b"\n"
    s.run("-", "--from", "csv", "--header", "no", data=half).refuses("<stdin>:1:1: 'x' is not a number")
    s.run("-", "--from", "csv", "--skip-after-header", "1", data=names + units + words + numbers).refuses("<stdin>:3:1: ")


@row
def a_line_of_a_million_quoted_numbers_is_read(s):
    outcome = s.run("-", "--from", "csv", "--to", "npy", data=b'"1",' * 1000000 + b'"1"\n')
    need(outcome.status == 0 and len(outcome.stdout) == 128 + 4 * 1000001, outcome)


@row
def two_megabytes_of_newlines_have_no_tensor(s):
    for form in ("csv", "tsv", "json", "jsonl"):
        s.run("-", "--from", form, data=b"\n" * 2000000).refuses("no tensor")


@row
def four_megabytes_of_quotes_are_refused(s):
    s.run("-", "--from", "csv", data=b'"' * 4000000).refuses()
    s.run("-", "--from", "csv", data=b"1,2\n" + b'"' * 4000001).refuses("<stdin>:2:1: ")
    s.run("-", "--from", "json", data=b'"' * 4000000).refuses("<stdin>:1:1: ")


@row
def a_lone_quote_is_reported_where_it_opened(s):
    rest = itertools.repeat(b"5,6\n" * 10000, 20000)  # 800 MB that need not be read
    s.run("-", "--from", "csv", "--header", "no", data=itertools.chain([b'1,2\n3,"4\n'], rest),
          before=s.limited_memory()).refuses("<stdin>:2:3: ")
    s.run("-", "--from", "csv", data=b'1,2\n3,"4"x\n5,6\n').refuses("<stdin>:2:3: |<stdin>:2:6: ")


@row
def a_line_of_many_megabytes_is_read(s):
    outcome = s.run("-", "--from", "csv", "--to", "npy", data=b"1," * 4000000 + b"1\n")
    need(outcome.status == 0 and len(outcome.stdout) == 128 + 4 * 4000001, outcome)


@row
def a_nul_does_not_end_a_text(s):
    s.run("-", "--from", "json", data=b"[1,\x002]").refuses("<stdin>:1:4: ")
    s.run("-", "--from", "json", data=b"[1]\x00").refuses("<stdin>:1:4: ", quiet=False)
    s.run("-", "--from", "csv", data=b"1,2\n3,\x004\n").refuses(r"<stdin>:2:3: .*(\\x00|\\0|NUL)")
    s.run("-", "--from", "csv", data=b"1,2\n3,4\n\x00").refuses("<stdin>:3:1: ")


@row
def invalid_utf_8_is_shown_as_hexadecimal(s):
    s.run("-", "--from", "csv", data=b"1,2\n3,\xff\xfe4\n").refuses(r"<stdin>:2:3: .*\\xff")
    s.run("-", "--from", "json", data=b"[1,\xff]").refuses(r"<stdin>:1:4: .*\\xff")


@row
def archives_are_named_with_a_remedy(s):
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("a.npy", npy("(1,)", bytes(4)))
    for name in ("a.csv", "a.json", "a.npy"):
        s.write(name, archive.getvalue())
        s.run(name).refuses(rf"{re.escape(name)}.*(?i:zip|npz)")
    for name in ("a.npz", "a.xlsx", "a"):
        s.write(name, archive.getvalue())
        s.run(name).gives(b"a:\ntensor([0.])\n")
    s.write("b.xlsx", archive.getvalue().replace(b"a.npy", b"a.xml"))
    s.run("b.xlsx").refuses("a zip archive without arrays: its first member is 'a.xml'")
    for form in ("csv", "json"):
        for code in ("utf-16-le", "utf-16-be"):
            s.run("--from", form, data="\ufeff[1,2]\n".encode(code)).refuses("UTF-16.*iconv")


@row
def no_tensor_of_a_bad_document_is_printed(s):
    cut = npy("(3,)", bytes(11))
    for text, form in ((b"[[1,2],[3,4],[5,x]]", "json"), (b"1,2\n" * 5 + b"x,1\n", "csv"), (cut, "npy")):
        for to in ("torch", "json", "csv", "npy"):
            s.run("-", "--from", form, "--to", to, data=text).refuses()


@row
def npy_sizes_are_checked_before_memory_is_taken(s):
    shapes = ("(4294967296, 4294967296)", "(4611686018427387907,)", "(0, 9223372036854775808)", "(8589934592,)",
              "(18446744073709551617,)", "(-1,)", "(2.0,)", "('2',)", "((2,),)")
    for shape in shapes:
        s.write("a.npy", npy(shape, bytes(64)))
        s.run("a.npy", before=s.limited_memory()).refuses(r"a\.npy: (?!.*out of memory)")
        s.run("-", data=npy(shape, bytes(64)), before=s.limited_memory()).refuses("<stdin>: (?!.*out of memory)")


@row
def npy_header_lengths_are_checked_before_memory_is_taken(s):
    for length in (2**30, 2**32 - 1):
        data = b"\x93NUMPY\x02\x00" + struct.pack("<I", length) + b"{" * 200
        s.run("-", data=data, before=s.limited_memory()).refuses("<stdin>: (?!.*out of memory)")


@row
def bytes_after_the_last_array_are_no_silence(s):
    s.run("-", data=npy("(1,)", bytes(4)) + b"rest").refuses("<stdin>: ", quiet=False)


@row
def npy_descr_is_escaped_in_messages(s):
    for descr, shown in (("\x1b[31m<f4", r"\x1b[31m<f4"), ("<\x9bf4", r"\x9b"), ("<f4\r", r"<f4\r"), ("{}%s%n", "{}%s%n")):
        s.run("-", data=npy("(1,)", bytes(4), descr)).refuses("<stdin>: .*" + re.escape(shown))


@row
def every_cut_of_an_npy_file_is_refused(s):
    whole = npy("(2, 2)", (1, -2, 3, -4))
    for size in range(1, len(whole)):
        s.write("a.npy", whole[:size])
        found = f".*16 bytes.*{size - 128} " if size >= 128 else ""
        s.run("a.npy", "-o", "out.npy").refuses(r"a\.npy: " + found)
        if size < 12 or size > 120:
            s.run("--from", "npy", data=whole[:size]).refuses("<stdin>: ")
            s.run("compare", "a.npy").refuses(r"a\.npy: ")
    need(s.names() == ["a.npy"], s.names())


@row
def npy_headers_of_any_bytes_are_refused(s):
    headers = (b"{" * 60000, b"(" * 60000, b"{'descr': " + b"[" * 60000, b"", b"\0" * 200, b"{'descr': '<f4",
               b"\xff" * 100, b"__import__('os').system('touch ran')",
               b"{'descr': '<f4', 'fortran_order': False, 'shape': (1,), }\0",
               b"{'descr': '<f4', 'fortran_order': False, 'shape': (" + b"1," * 30000 + b"), }")
    for header in headers:
        for version, length in ((1, "<H"), (2, "<I"), (3, "<I")):
            data = b"\x93NUMPY" + bytes((version, 0)) + struct.pack(length, len(header)) + header + bytes(64)
            for arguments in (["-"], ["compare", "-"]):
                s.run(*arguments, data=data).refuses("<stdin>: ")
    need(not s.names(), s.names())


BAD = {
    "json": (b"", b" \n\t ", b"[", b"]", b"[1,2", b"[[1,2],[3", b"[1 2]", b"[1,]", b"[1,,2]", b"nan", b"[NaN1]",
             b"[-NaN]", b"[+Infinity]", b"[Infinit]", b"[01]", b"[+1]", b"[.5]", b"[5.]", b"[0x10]", b"[1_000]",
             b"[1e]", b"[1e+]", b"[-]", b"[1] // one", b"/* one */ [1]", b"['1']", b'["1"]', b"[true]", b"[{}]",
             b"{}", b'{"a": "1"}', b'{"a": [1], "b": {}}', b'{"a": [1]', b'{"a": [1],}', b'{"a": [1} ]',
             b'{"a": [1]}]', b'{"a": 1, "a": 1}', b"{a: 1}", b"{'a': 1}", b'{"a" 1}', b"[[1,2],[3]]", b"[1,[2]]", b"[[],[1]]", b"[1\x00]", b"[1]\x00", b"[1]]",
             b"\xff\xfe[\x001\x00]\x00", b"[\xef\xbc\x91]", b"[\xe2\x88\x921]"),
    "csv": (b"", b"\n\n", b"a,b\n", b"1,2\n3\n", b"1,2\n3,4,5\n", b"1,2\n3,\n", b"1,2\n3,-\n", b"1,2\n3,nan1\n",
            b"1,2\n3,0x10\n", b"1,2\n3,1e\n", b"1,2\n3,1+2j\n", b"1,2\n3,1/2\n", b"1,2\n3,1_0\n", b"1,2\n3,1.2.3\n",
            b"1,2\n3,\xef\xbc\x91\n", b"1,2\n3,\xe2\x88\x921\n", b'1,2\n3,"4\n', b'1,2\n3,"4"5\n', b"1;2\n1,5;2\n",
            b"\xff\xfe1\x00\n\x00"),
}


@row
def a_bad_document_is_refused_whatever_is_done_with_it(s):
    for form, documents in BAD.items():
        for text in documents:
            for arguments in ((), ("compare",), ("--to", "npy", "-o", "out.npy")):
                # A tensor that ends before the bad byte is none.
                s.run(*arguments, "-", "--from", form, data=text).refuses("<stdin>:", quiet=not text.startswith(b"[1]"))
    need(not s.names(), s.names())


PATIENCE = patience(120)  # it is a matter of seconds, if the machine has nothing else to do


def quarter(first, repeated, last):
    """A quarter of 2^30 bytes and a few, in blocks."""
    yield first
    for _ in range(1 << 8):
        yield repeated * ((1 << 20) // len(repeated))
    yield last


@row
def a_line_of_a_quarter_gigabyte_of_json_is_read(s):
    s.run("--from", "json", "--mode", "relu", data=quarter(b"[1", b",1", b"]\n"), seconds=PATIENCE).gives(
        b"tensor([1., 1., 1.,  ..., 1., 1., 1.])\n")


@row
def a_line_of_a_quarter_gigabyte_of_csv_is_read(s):
    s.run("--from", "csv", "--mode", "relu", data=quarter(b"1", b",1.2345678", b"\n"), seconds=PATIENCE).gives(
        b"tensor([1.0000, 1.2346, 1.2346,  ..., 1.2346, 1.2346, 1.2346])\n")


@row
def a_line_of_a_quarter_gigabyte_of_digits_is_read_or_refused(s):
    got = s.result("--from", "csv", "--to", "csv", data=quarter(b"1", b"0", b"\n"), seconds=PATIENCE, notes=True)
    need(got == b"inf\n", got)
    s.run("--from", "json", data=quarter(b"[1", b"0", b"]\n"), seconds=PATIENCE).refuses("<stdin>:1:2: ")


@row
def a_line_of_a_quarter_gigabyte_that_is_no_number_is_refused(s):
    for form, text, place in (("csv", quarter(b'"', b"x", b""), "1:1"), ("json", quarter(b'["', b"x", b'"]\n'), "1:2")):
        s.run("--from", form, data=text, before=s.limited_memory(), seconds=PATIENCE).refuses(f"<stdin>:{place}: ")
    s.run("--from", "csv", data=quarter(b"1,2\n3,", b"x", b"\n"), seconds=PATIENCE).refuses("<stdin>:2:3: ")


@row
def what_is_no_partial_report_is_refused(s):
    for text in (b"," * 8000000, b"[" * 1000000, b'{"a":' * 1000000, b'{"schema": "rectify.compare/1"}', b"", b"\0",
                 b"1,2\n",
                 b'{"schema": "rectify.compare/1", "tensors": ' + b"[" * 1000000, npy("(1,)", bytes(4)),
                 b"\x1f\x8b\x08" + bytes(30)):
        s.run("compare", "--merge", "-", data=text, before=small_stack(s)).refuses("<stdin>: ")
    (s.path / "folder").mkdir()
    for name in ("/dev/zero", "folder", "missing"):
        s.run("compare", "--merge", name, before=s.limited_memory()).refuses(name)
    s.shell("yes '{\"a\":' | rectify compare --merge -").refuses("<stdin>: ")

"""Gzip data are read as what they hold."""
import gzip
import random
import zlib

from harness import need, npy, row

CSV = b"a,b\n1,-2\n-3,4.5\n"
OUT = b"a,b\n1.0,-0.02\n-0.03,4.5\n"


@row
def any_format_is_read_by_its_content_from_a_file_and_a_pipe(s):
    array = npy((2, 2), [1, -2, -3, 4.5])
    for name, plain in (("a.csv", CSV), ("a.tsv", CSV.replace(b",", b"\t")), ("a.json", b"[[1, -2], [-3, 4.5]]"),
                        ("a.jsonl", b"[1, -2]\n[-3, 4.5]\n"), ("a.npy", array)):
        s.write(name, plain)
        whole = s.result(name, "--to", "jsonl")
        for packed in (name + ".gz", "other." + name):
            s.write(packed, gzip.compress(plain))
            need(s.result(packed, "--to", "jsonl") == whole, packed)
        need(s.result("--to", "jsonl", data=gzip.compress(plain)) == whole, name, "from a pipe")
        need(s.result("compare", name + ".gz", "--to", "csv").split(b"\n", 1)[0]
             == s.result("compare", name, "--to", "csv").split(b"\n", 1)[0], name, "compared")


@row
def several_members_follow_one_another_and_zeros_may_end_them(s):
    parts = gzip.compress(b"a,b\n1,-") + gzip.compress(b"") + gzip.compress(b"2\n-3,4.5\n")
    s.run("--to", "csv", data=parts).gives(OUT)
    s.run("--to", "csv", data=parts + bytes(512)).gives(OUT)
    s.run("--to", "csv", data=parts + b"more").says("damaged at byte .*not gzip data follow")
    s.run("--to", "csv", data=parts + bytes(7) + parts).says("not gzip data follow")


@row
def what_is_cut_or_damaged_is_an_error(s):
    whole = gzip.compress(CSV)
    for size in range(2, len(whole)):
        s.run("--to", "json", "-o", "out", data=whole[:size]).says("<stdin>: unexpected end in the gzip data")
    for place in range(len(whole)):
        for bit in (1, 128):
            damaged = bytearray(whole)
            damaged[place] ^= bit
            outcome = s.run("--to", "csv", data=bytes(damaged))
            if outcome.status == 0:  # the time, the system, a bit that fills the last byte
                outcome.gives(OUT)
            else:
                outcome.says()
    need(s.names() == [], s.names())


@row
def an_error_has_the_place_in_what_is_held(s):
    s.write("a.csv.gz", gzip.compress(b"1,2\n3,x\n"))
    s.run("a.csv.gz").refuses("a.csv.gz:2:3: 'x'")


@row
def what_a_user_should_know_is_told_of_what_is_held(s):
    s.write("a.csv", b"1,16777217,\n2,3,\n")
    s.write("a.csv.gz", gzip.compress(s.read("a.csv")))
    plain = s.run("--to", "json", "a.csv").stderr
    need(plain.count(b"rectify: note: ") == 2, plain)
    told = s.run("--to", "json", "a.csv.gz").stderr
    need(told.replace(b"a.csv.gz", b"a.csv") == plain, told)


@row
def gzip_in_gzip_and_parts_of_it_are_refused(s):
    s.write("a.csv.gz", gzip.compress(CSV))
    s.write("b.gz", gzip.compress(gzip.compress(CSV)))
    s.run("b.gz").refuses("gzip data within gzip data")
    s.run("--part", "1/2", "a.csv.gz").refuses("--part", 2)


@row
def what_is_inflated_is_not_held(s):
    zeros = zlib.compressobj(9, zlib.DEFLATED, 31)
    block = b"0\n" * (1 << 19)
    data = b"".join(zeros.compress(block) for _ in range(64)) + zeros.flush()
    s.write("zeros.csv.gz", data)
    limit = s.limited_memory(400000)
    for files in (["zeros.csv.gz"], ["zeros.csv.gz"] * 3):
        text = s.result("compare", "--to", "csv", *files, before=limit, seconds=60).decode()
        need(str(64 << 19) in text, text)


@row
def data_that_do_not_compress_come_in_any_blocks(s):
    values = [random.Random(1).uniform(-9, 9) for _ in range(20000)]
    text = b"".join(b"%r\n" % value for value in values)
    packed = gzip.compress(text, 6)
    whole = s.result("--to", "csv", data=text)
    for size in (1, 7, 4096, 65536):
        blocks = (packed[i:i + size] for i in range(0, len(packed), size))
        need(s.result("--to", "csv", data=blocks) == whole, "blocks of", size)

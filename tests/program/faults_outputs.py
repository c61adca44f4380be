"""-o FILE: whole or not at all."""
import os
import pathlib
import re
import stat
import struct
import threading

from faults import BIG, ROOT, Outcome, commands
from harness import SECONDS, Skip, need, npy, row, short


@row
def a_hard_link_to_the_output_keeps_the_old_content(s):
    s.write("in.csv", b"1,-2\n3,4\n")
    os.link(s.path / "in.csv", s.path / "out.csv")
    s.run("in.csv", "-o", "out.csv", "--mode", "relu").succeeds()
    need(s.read("out.csv") == b"1.0,0.0\n3.0,4.0\n", s.read("out.csv"))
    need(s.read("in.csv") in (b"1,-2\n3,4\n", b"1.0,0.0\n3.0,4.0\n"), s.read("in.csv"))
    need(s.names() == ["in.csv", "out.csv"], s.names())


@row
def the_output_may_be_the_input_however_large(s):
    s.write("in.csv", BIG)
    (s.path / "link.csv").symlink_to("in.csv")
    expected = s.run("in.csv", "--to", "csv").stdout
    s.run("link.csv", "-o", "in.csv").succeeds()
    need(s.read("in.csv") == expected, "through a symbolic link")
    s.write("in.csv", BIG)
    s.run("in.csv", "-o", "link.csv").succeeds()
    need(s.read("in.csv") == expected and (s.path / "link.csv").is_symlink(), "into a symbolic link")


@row
def symbolic_links_are_followed_and_stay(s):
    (s.path / "there").mkdir()
    (s.path / "one.csv").symlink_to("two.csv")
    (s.path / "two.csv").symlink_to("there/real.csv")
    for _ in range(2):  # the target is made, then replaced
        s.run("--tensor", "1", "-o", "one.csv").succeeds()
        need(s.names() == ["one.csv", "there", "two.csv"] and os.listdir(s.path / "there") == ["real.csv"], s.names())
        need((s.path / "one.csv").is_symlink() and (s.path / "two.csv").is_symlink(), "a link was replaced")
        need(s.read("there/real.csv") == b"1.0\n", s.read("there/real.csv"))
    (s.path / "loop.csv").symlink_to("loop.csv")
    s.run("--tensor", "1", "-o", "loop.csv").refuses("loop.csv: ")


@row
def the_mode_is_kept(s):
    for mode in (0o640, 0o600, 0o666, 0o755):
        s.write("out.csv", b"old\n")
        (s.path / "out.csv").chmod(mode)
        s.run("--tensor", "1", "-o", "out.csv").succeeds()
        found = stat.S_IMODE((s.path / "out.csv").stat().st_mode)
        need(s.read("out.csv") == b"1.0\n", s.read("out.csv"))
        need(found == mode, f"{mode:o} became {found:o}")
        (s.path / "out.csv").unlink()


@row
def the_owner_is_kept(s):
    s.write("out.csv", b"old\n")
    (s.path / "out.csv").chmod(0o640)
    try:
        os.chown(s.path / "out.csv", 1234, 4321)
    except OSError:
        raise Skip("no right to give a file to another user") from None
    s.run("--tensor", "1", "-o", "out.csv").succeeds()
    found = (s.path / "out.csv").stat()
    need(s.read("out.csv") == b"1.0\n", s.read("out.csv"))
    need((found.st_uid, found.st_gid) == (1234, 4321), f"owner {found.st_uid}:{found.st_gid}")
    need(stat.S_IMODE(found.st_mode) == 0o640, f"mode {found.st_mode:o}")


@row
def a_new_file_has_the_mode_of_any_new_file(s):
    for umask in ("022", "077", "002", "000"):
        s.run("--tensor", "1", "-o", f"{umask}.csv", before=f"umask {umask}").succeeds()
        mode = stat.S_IMODE((s.path / f"{umask}.csv").stat().st_mode)
        need(mode == 0o666 & ~int(umask, 8), f"umask {umask} gave {mode:o}")


@row
def what_is_no_regular_file_is_written_to(s):
    os.mkfifo(s.path / "fifo")
    got = []
    reader = threading.Thread(daemon=True, target=lambda: got.append((s.path / "fifo").read_bytes()))
    reader.start()
    s.run("--tensor", "[1,-2]", "--mode", "relu", "--to", "json", "-o", "fifo").succeeds()
    reader.join(SECONDS)
    need(got == [b"[1.0, 0.0]\n"] and (s.path / "fifo").is_fifo(), got)
    s.run("--tensor", "1", "-o", "/dev/null").gives(b"")
    need(pathlib.Path("/dev/null").is_char_device(), "/dev/null was replaced")
    s.run("--tensor", "1", "--to", "json", "-o", "/dev/stdout").gives(b"1.0\n")


@row
def impossible_outputs_give_the_reason(s):
    (s.path / "folder").mkdir()
    for name in ("folder", "nowhere/out.csv", "folder/", "a" * 300, "/proc/none.csv"):
        s.run("--tensor", "1", "-o", name).refuses()
    s.run("--tensor", "1", "-o", "").refuses(status=(1, 2))
    need(s.names() == ["folder"] and not list((s.path / "folder").iterdir()), s.names())


@row
def a_name_of_255_bytes_works(s):
    name = "n" * 251 + ".csv"
    for _ in range(2):
        s.run("--tensor", "1", "-o", name).succeeds()
        need(s.names() == [name] and s.read(name) == b"1.0\n", s.names())


@row
def eight_writers_leave_one_whole_result(s):
    s.write("big.csv", BIG)
    wanted = [s.run("big.csv", "--to", "csv", "--slope", str(i)).stdout for i in range(8)]
    processes = [s.start(["big.csv", "-o", "out.csv", "--slope", str(i)]) for i in range(8)]
    for process in processes:
        _, message = process.communicate(timeout=SECONDS)
        need(process.returncode == 0 and not message, f"exit {process.returncode}, stderr {short(message)}")
    need(s.read("out.csv") in wanted, "a mixture")
    need(s.names() == ["big.csv", "out.csv"], s.names())


@row
def a_bad_later_input_leaves_the_old_file(s):
    s.write("good.csv", BIG)
    s.write("bad.csv", BIG + b"1,x\n")
    s.write("out.json", b"old\n")
    s.run("good.csv", "bad.csv", "-o", "out.json").refuses(r"bad\.csv:200001:3: ")
    need(s.read("out.json") == b"old\n" and s.names() == ["bad.csv", "good.csv", "out.json"], s.names())


@row
def another_ones_file_in_a_sticky_folder_is_left(s):
    if not ROOT:
        raise Skip("takes two users")
    nobody = s.plain_user()
    (s.path / "sticky").mkdir()
    (s.path / "sticky").chmod(0o1777)
    s.write("sticky/out.csv", b"old\n")
    (s.path / "sticky" / "out.csv").chmod(0o666)
    s.run("--tensor", "1", "-o", "sticky/out.csv", **nobody).refuses("sticky/out.csv: .*not permitted")
    need(s.read("sticky/out.csv") == b"old\n" and os.listdir(s.path / "sticky") == ["out.csv"],
         os.listdir(s.path / "sticky"))


@row
def eight_writers_of_every_kind_leave_one_whole_result(s):
    for arguments in commands(s):
        # Where a slope counts each writes something else.
        slopes = [["--slope", str(i / 8)] if "--merge" not in arguments else [] for i in range(8)]
        wanted = [s.run(*arguments, *slope).stdout for slope in slopes]
        processes = [s.start([*arguments, *slope, "-o", "out"]) for slope in slopes]
        for process in processes:
            stdout, stderr = process.communicate(timeout=SECONDS)
            Outcome(stdout, stderr, process.returncode).gives(b"")
        need(s.read("out") in wanted, arguments, "a mixture")
    need(s.names() == ["big.csv", "out", "part.json"], s.names())


def from_fifo(path, size):
    """What comes, if anything is wanted; else its reader goes away at once."""
    with open(path, "rb") as file:
        return file.read() if size else b""


@row
def every_command_writes_the_same_to_a_file_and_to_what_is_none(s):
    os.mkfifo(s.path / "fifo")
    for arguments in commands(s):
        wanted = s.run(*arguments).stdout
        outcomes = [s.run(*arguments, "-o", "out"), s.run(*arguments, after=">direct")]
        for outcome, name in zip(outcomes, ("out", "direct")):
            outcome.gives(b"")
            need(s.read(name) == wanted, arguments, "into a file")
            # A print that leaves most values out is the only one that is noted.
            need(bool(outcome.note) == (b" ...," in wanted), arguments, outcome.note)
        outcome = s.run(*arguments, "-o", "/dev/stdout")
        outcome.gives(wanted)
        need(not outcome.note, arguments, outcome.note)
        for expected in (wanted, b""):
            got = []
            reader = threading.Thread(daemon=True, target=lambda: got.append(from_fifo(s.path / "fifo", len(expected))))
            reader.start()
            s.run(*arguments, "-o", "fifo").gives(b"")
            reader.join(SECONDS)
            need(got == [expected] and (s.path / "fifo").is_fifo(), arguments, "into a FIFO", short(got))


@row
def a_bad_input_leaves_the_old_file_whatever_is_written(s):
    bad = {"bad.csv": BIG + b"1,x\n", "bad.jsonl": b"[1,2]\n" * 100000 + b"[1,\n",
           "bad.json": b"[1" + b",2" * 500000 + b",]", "bad.npy": npy("(500000,)", bytes(4 * 499999))}
    for name, data in bad.items():
        s.write(name, data)
    s.write("bad.part", s.run("compare", "--randn", "3", "--partial").stdout[:-20])
    for name in bad:
        for arguments in (*([name, "--to", to] for to in ("torch", "json", "jsonl", "csv", "tsv", "npy")),
                          ["compare", name, "--to", "table"], ["compare", name, "--partial"],
                          ["compare", name, "--to", "table", "--plot", "plot.svg"]):
            for out in ("out", "new"):
                s.write("out", b"old\n")
                # Of many lines the second is an array too many, long before the bad one.
                statuses = (2,) if name == "bad.jsonl" and "npy" in arguments else (1,)
                s.run(*arguments, "-o", out).refuses(re.escape(name), statuses)
                need(s.names() == sorted([*bad, "bad.part", "out"]), s.names())
                need(s.read("out") == b"old\n", arguments, short(s.read("out")))
    s.run("compare", "--merge", "bad.part", "--to", "table", "-o", "out").refuses("bad.part")
    need(s.read("out") == b"old\n", short(s.read("out")))


@row
def a_list_of_rights_stays_with_its_file(s):
    nobody = 0xFFFFFFFF
    rights = struct.pack("<I", 2) + b"".join(struct.pack("<HHI", *entry) for entry in (
        (1, 6, nobody), (2, 6, 1234), (4, 0, nobody), (16, 6, nobody), (32, 0, nobody)))
    path = s.path / "a.csv"
    path.write_bytes(b"1,-2\n")
    try:
        os.setxattr(path, "system.posix_acl_access", rights)
    except OSError as why:
        raise Skip(f"no access control lists: {why}") from None
    s.run("a.csv", "-o", "a.csv").succeeds()
    need(os.getxattr(path, "system.posix_acl_access") == rights, "another list")
    need(path.stat().st_mode & 0o7777 == 0o660, oct(path.stat().st_mode))
    # What a folder gives its new files is not given to one that is replaced.
    (s.path / "folder").mkdir()
    (s.path / "folder" / "b.csv").write_bytes(b"1,-2\n")
    (s.path / "folder" / "b.csv").chmod(0o640)
    os.setxattr(s.path / "folder", "system.posix_acl_default", rights)
    s.run("folder/b.csv", "-o", "folder/b.csv").succeeds()
    need("system.posix_acl_access" not in os.listxattr(s.path / "folder" / "b.csv"), "rights of the folder")


@row
def a_descriptor_is_written_to_however_it_is_spelt(s):
    for name in ("/dev/fd/3", "/dev//fd/3", "/dev/./fd/3", "/proc/self/fd/3", "/proc/thread-self/fd/3", "/proc/$$/fd/3"):
        before = f"exec 3>log; echo head >&3; set -- \"$@\" -o {name}"
        s.run("--tensor", "[1]", "--to", "csv", before=before).succeeds()
        need(s.read("log") == b"head\n1.0\n", name, s.read("log"))

"""Too little memory, too few processes, descriptors, bytes of a file and of a disk."""
import shutil
import signal
import subprocess

from faults import ROOT, Outcome, commands
from harness import ENVIRONMENT, SECONDS, Skip, need, row, short


@row
def any_limit_on_memory_leaves_every_command_right_or_refused(s):
    if not s.limited_memory():
        raise Skip("the program does not start under ulimit -v (a sanitizer?)")
    tried = [(arguments, s.run(*arguments, "--threads", "8").stdout) for arguments in commands(s)]
    first = None
    for kilobytes in range(3000, 50000, 100):
        outcome = s.run("--version", before=f"ulimit -v {kilobytes}", signals=(signal.SIGKILL, signal.SIGSEGV))
        if outcome.status == 0:
            first = kilobytes
            break
        if outcome.status == 1:
            outcome.refuses("out of memory")  # else the system or the loader says so
    need(first, "the program does not start in 50 MB")
    for arguments, wanted in tried:
        needed = None
        for step in range(60):
            before = f"ulimit -v {first + 700 * step + step * step * 20}"
            s.write("out", b"old\n")
            outcome = s.run(*arguments, "--threads", "8", *(["-o", "out"] if step % 2 else []), before=before)
            if outcome.status == 0 and not outcome.stderr:
                need((s.read("out") if step % 2 else outcome.stdout) == wanted, arguments, before, outcome)
                needed = needed or step
                if step > needed + 8:
                    break
                continue
            outcome.refuses("out of memory", quiet=False)
            need(not step % 2 or s.read("out") == b"old\n" and not outcome.stdout, arguments, before, outcome)
            need(wanted.startswith(outcome.stdout), arguments, before, outcome)
        need(needed is not None, arguments, f"{before} is still too little")
    need(s.names() == ["big.csv", "out", "part.json"], s.names())


@row
def a_limit_on_processes_leaves_one_thread(s):
    nobody = s.plain_user()
    # LeakSanitizer would make a process of its own.
    env = {**ENVIRONMENT, "ASAN_OPTIONS": ENVIRONMENT.get("ASAN_OPTIONS", "") + ":detect_leaks=0"}
    for arguments in commands(s):
        wanted = s.run(*arguments).stdout
        for most in (0, 1, 2, 4):
            before = f"ulimit -u {most} 2>/dev/null || ulimit -p {most}"
            s.run(*arguments, "--threads", "8", before=before, env=env, **nobody).gives(wanted)


@row
def any_limit_on_the_stack_is_enough_or_none(s):
    if s.sanitized_by("tsan"):
        raise Skip("ThreadSanitizer needs more itself")
    for arguments in commands(s):
        wanted = s.run(*arguments).stdout
        for kilobytes in ("256", "1024", "unlimited"):
            s.run(*arguments, "--threads", "4", before=f"ulimit -s {kilobytes}").gives(wanted)


@row
def any_limit_on_descriptors_is_enough_or_an_error(s):
    s.write("a.csv", b"1,-2\n3,4\n")
    if not s.limited_memory():
        raise Skip("a sanitizer needs descriptors, too")
    for arguments in (["a.csv", "-o", "out.csv"], ["compare", "a.csv", "-o", "out.csv"],
                      ["a.csv", "--part", "2/2", "-o", "out.csv"],
                      ["compare", "a.csv", "--plot", "plot.svg", "-o", "out.csv"]):
        codes = []
        for most in range(9):
            s.write("out.csv", b"old\n")
            outcome = s.run(*arguments, before=f"ulimit -n {most}")
            codes.append(outcome.status)
            if outcome.status == 127 and b"shared libraries" in outcome.stderr:
                continue  # the loader needs a descriptor, too
            if outcome.status and "--plot" in arguments:
                outcome.refuses("open files|gnuplot")
                continue
            if outcome.status:
                outcome.refuses("open files")
            need((s.read("out.csv") == b"old\n") == bool(outcome.status), arguments, most, outcome)
        need(codes[-1] == 0 or "--plot" in arguments, arguments, codes)
    need([name for name in s.names() if name != "plot.svg"] == ["a.csv", "out.csv"], s.names())


@row
def a_limit_on_time_ends_it_tidily(s):
    s.write("out.csv", b"old\n")
    outcome = s.shell("yes 1,-2 | (ulimit -S -t 1; rectify compare - --from csv -o out.csv); echo $?")
    need(outcome.stdout == b"%d\n" % (128 + signal.SIGXCPU), outcome)
    need(s.names() == ["out.csv"] and s.read("out.csv") == b"old\n", s.names())


@row
def many_inputs_need_few_descriptors(s):
    s.write("a.csv", b"1,-2\n3,4\n")
    outcome = s.run(*["a.csv"] * 120, "--to", "json", "--mode", "relu", before="ulimit -n 20")
    outcome.gives(b"[[1.0, 0.0], [3.0, 4.0]]\n" * 120)


@row
def a_limit_on_file_size_is_a_write_error(s):
    if s.sanitized_by("tsan"):
        raise Skip("ThreadSanitizer writes to files of its own")
    for arguments in commands(s):
        s.write("out", b"old\n")
        length = len(s.run(*arguments).stdout)
        names = s.names()
        # The shell's block is 512 bytes, or 1024.
        for blocks in {0, length // 2 // 1024, (length - 1) // 1024}:
            before = f"ulimit -f {blocks}"
            s.run(*arguments, "-o", "out", before=before).refuses("too large")
            s.run(*arguments, "-o", "new", before=before).refuses("too large")
            need(s.names() == names and s.read("out") == b"old\n", arguments, before, s.names())
            s.run(*arguments, before=before, after=">direct").refuses("too large")
            (s.path / "direct").unlink()


DISK = """mount -t tmpfs -o size=SIZE none disk || exit 77
set -e
rectify() { "%s" "$@"; }
cp big.csv part.json disk
cd disk
echo old >out
dd if=/dev/zero of=ballast bs=4k 2>/dev/null || true
truncate -s -LEFT ballast
set +e
"""


def on_a_small_disk(s, script, size="8m", left="40k"):
    """What a script gives in a folder, a disk of its own with little room."""
    if not shutil.which("unshare"):
        raise Skip("no unshare")
    (s.path / "disk").mkdir()
    unshare = ["unshare", "--mount"] + ([] if ROOT else ["--map-root-user"])
    head = (DISK % s.binary).replace("SIZE", size).replace("LEFT", left)
    done = subprocess.run([*unshare, "sh", "-c", head + script], cwd=s.path, env=ENVIRONMENT, capture_output=True,
                          timeout=6 * SECONDS, check=False)
    if done.returncode == 77 or b"unshare" in done.stderr:
        raise Skip("no right to mount a small disk")
    return Outcome(done.stdout, done.stderr, done.returncode)


@row
def a_full_disk_leaves_the_old_file_whole(s):
    tried = [" ".join(arguments) for arguments in commands(s) if len(s.run(*arguments).stdout) > 100000]
    need(len(tried) >= 8, tried)
    script = "".join(f"""rectify {arguments} -o out || echo $?
rectify {arguments} -o new || echo $?
rectify {arguments} >direct || echo $?
rm direct
cat out
""" for arguments in tried)
    outcome = on_a_small_disk(s, script + "ls -A")
    need(outcome.stdout == b"1\n1\n1\nold\n" * len(tried) + b"ballast\nbig.csv\nout\npart.json\n"
         and outcome.stderr.count(b"No space left on device\n") == 3 * len(tried) == outcome.stderr.count(b"\n"),
         outcome)


@row
def a_disk_without_a_byte_of_room_leaves_the_old_file_whole(s):
    commands(s)
    script = "".join(f"rectify {arguments} -o out || echo $?\ncat out\n" for arguments in (
        "--tensor 1 --to torch", "big.csv --to torch", "compare big.csv --to table", "compare big.csv --partial",
        "--randn 3 --to npy"))
    outcome = on_a_small_disk(s, script + "ls -A", left="0")
    need(outcome.stdout == b"1\nold\n" * 5 + b"ballast\nbig.csv\nout\npart.json\n", outcome)
    need(outcome.stderr.count(b"No space left on device\n") == 5 == outcome.stderr.count(b"\n"), outcome)


@row
def a_read_only_disk_gives_the_reason(s):
    commands(s)
    script = """mount -o remount,ro . . || exit 77
for name in out new; do
  rectify big.csv --to torch -o $name || echo $?
  rectify compare big.csv --to table -o $name || echo $?
done
cat out; ls -A"""
    outcome = on_a_small_disk(s, script)
    need(outcome.stdout == b"1\n" * 4 + b"old\nballast\nbig.csv\nout\npart.json\n"
         and outcome.stderr.count(b"Read-only file system\n") == 4 == outcome.stderr.count(b"\n"), outcome)


@row
def blank_lines_take_no_memory_of_rows(s):
    line = b",".join([b"1"] * 5000) + b"\n"
    got = s.result("--from", "csv", "--to", "csv", "--header", "no", "--keep", "1-2500", "--mode", "tanh", "--dtype", "float64",
                   data=line * 2 + b"\n" * 300000 + line, before=s.limited_memory())
    need(got == (b"1," * 2500 + b",".join([b"0.7615941559557649"] * 2500) + b"\n") * 3, short(got))

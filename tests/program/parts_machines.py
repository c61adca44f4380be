"""samples/parts.sh: parts of a table by GNU parallel and by Slurm, with jobs that are killed; the joined files are the
undivided bytes. Slurm's daemons run here, on the loopback interface, with folders and a key of their own.
"""
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import time

from harness import ENVIRONMENT, Skip, need, patience, row
from parts import numbers

SAMPLE = pathlib.Path(__file__).resolve().parent.parent.parent / "samples" / "parts.sh"


def table(s, seed):
    s.write("acts.csv", b"a,b,c\n" + numbers(seed, 2000, 3))
    return s.result("acts.csv", "--to", "csv"), s.result("compare", "acts.csv", "--to", "json")


def program(s, killing=""):
    """A folder with `rectify` in it. Where `killing` says so, in shell, it dies, or its job with it."""
    (s.path / "bin").mkdir()
    tool = s.path / "bin" / "rectify"
    tool.write_text(f"#!/bin/sh\n{killing}\nexec '{s.binary}' \"$@\"\n")
    tool.chmod(0o755)
    return {**ENVIRONMENT, "PATH": f"{tool.parent}:{ENVIRONMENT['PATH']}", "HOME": str(s.path), "SHELL": "/bin/sh"}


def run(s, environment, *options):
    return subprocess.run(["sh", SAMPLE, "acts.csv", "4", "out", *options], cwd=s.path, env=environment,
                          stdin=subprocess.DEVNULL, capture_output=True, timeout=patience(120), check=False)


def need_whole(s, done, csv, report):
    need(done.returncode == 0, done)
    need(s.read("out.csv") == csv and s.read("out.json") == report, "the joined files are not the undivided bytes")


def need_parallel(environment):
    tool = shutil.which("parallel")
    if tool is None or b"GNU parallel" not in subprocess.run([tool, "--version"], capture_output=True, check=False,
                                                             stdin=subprocess.DEVNULL, env=environment).stdout:
        raise Skip("no GNU parallel")


# What dies, by its words; mkdir lets it happen once.
PART = """case "$*" in *2/4\\ --to*) if mkdir once 2>/dev/null; then kill -9 $$; fi ;; esac"""
JOB = """case "$*" in *3/4\\ --partial*) if mkdir once 2>/dev/null; then kill -9 $PPID; exit 1; fi ;; esac"""
ALWAYS = """case "$*" in *3/4\\ --partial*) [ -e mended ] || { kill -9 $PPID; exit 1; } ;; esac"""


@row
def the_sample_for_parts_gives_the_undivided_files_though_jobs_are_killed(s):
    csv, report = table(s, 50)
    environment = program(s, PART + "\n" + JOB.replace("mkdir once", "mkdir job"))
    need_parallel(environment)
    need_whole(s, run(s, environment), csv, report)
    need((s.path / "once").is_dir() and (s.path / "job").is_dir(), "nothing was killed")
    log = s.read("out.parts/jobs.log").decode().splitlines()
    need(len(log) >= 5 and log[0].startswith("Seq\t"), log)


@row
def the_sample_for_parts_begun_again_makes_what_is_missing(s):
    csv, report = table(s, 51)
    environment = program(s, ALWAYS)
    need_parallel(environment)
    need(run(s, environment).returncode != 0, "a part that fails every time has not stopped it")
    need(not (s.path / "out.csv").exists() and not (s.path / "out.json").exists(), s.names())
    made = {path: path.stat().st_mtime_ns for path in (s.path / "out.parts").glob("[0-9].csv")}
    need(s.path / "out.parts" / "3.csv" in made and not (s.path / "out.parts" / "3.json").exists(), made)
    (s.path / "mended").mkdir()
    need_whole(s, run(s, environment), csv, report)
    need(all(path.stat().st_mtime_ns == then for path, then in made.items()), "what was there was made again")


class Slurm:
    """A controller and a node of one cluster, for as long as the block lasts."""

    CONFIGURATION = """ClusterName=loopback
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={ports[0]}
SlurmdPort={ports[1]}
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket
SlurmUser=root
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
SlurmdSpoolDir={folder}/spool
StateSaveLocation={folder}/state
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
MpiDefault=none
ReturnToService=2
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
JobAcctGatherType=jobacct_gather/none
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.log
NodeName={host} NodeAddr=127.0.0.1 CPUs={processors} State=UNKNOWN
PartitionName=all Nodes=ALL Default=YES MaxTime=INFINITE State=UP
"""

    def __init__(self, s):
        path = f"{ENVIRONMENT['PATH']}:/usr/sbin:/sbin"
        for tool in ("slurmctld", "slurmd", "munged", "sbatch", "sinfo"):
            if shutil.which(tool, path=path) is None:
                raise Skip("no Slurm (slurmctld slurmd slurm-client munge)")
        if os.getuid() != 0:
            raise Skip("Slurm's daemons want root")
        self.folder = s.path / "cluster"
        self.environment = {**ENVIRONMENT, "PATH": path, "SLURM_CONF": str(self.folder / "slurm.conf")}

    def call(self, *words):
        return subprocess.run(words, cwd=self.folder, env=self.environment, stdin=subprocess.DEVNULL, capture_output=True,
                              timeout=patience(30), check=False)

    def __enter__(self):
        for folder in ("", "state", "spool"):
            (self.folder / folder).mkdir()
        sockets = [socket.socket() for _ in range(2)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        ports = [each.getsockname()[1] for each in sockets]
        for each in sockets:
            each.close()
        (self.folder / "slurm.conf").write_text(self.CONFIGURATION.format(
            host=socket.gethostname().split(".")[0], ports=ports, folder=self.folder, processors=os.cpu_count()))
        (self.folder / "munge.key").write_bytes(os.urandom(128))
        (self.folder / "munge.key").chmod(0o400)
        try:
            munge = {"key-file": "key", "socket": "socket", "pid-file": "pid", "log-file": "log", "seed-file": "seed"}
            for words in (["munged", "--force", *(f"--{name}={self.folder}/munge.{end}" for name, end in munge.items())],
                          ["slurmctld", "-f", self.folder / "slurm.conf"], ["slurmd", "-f", self.folder / "slurm.conf"]):
                if self.call(*words).returncode != 0:
                    raise Skip(f"{words[0]} does not start here")
            until = time.monotonic() + patience(30)
            while b"idle" not in self.call("sinfo", "--noheader").stdout:
                if time.monotonic() > until:
                    raise Skip("Slurm's node does not become idle here")
                time.sleep(0.2)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        for name in ("slurmd", "slurmctld", "munge"):
            try:
                pid = int((self.folder / f"{name}.pid").read_text())
                os.kill(pid, signal.SIGTERM)
                until = time.monotonic() + patience(10)
                while pathlib.Path(f"/proc/{pid}").exists() and time.monotonic() < until:
                    time.sleep(0.05)
            except (OSError, ValueError):
                continue  # it has not started, or has ended


@row
def the_sample_for_parts_gives_the_undivided_files_by_slurm_though_a_job_is_killed(s):
    csv, report = table(s, 52)
    with Slurm(s) as cluster:
        environment = {**program(s, PART + "\n" + ALWAYS), "SLURM_CONF": cluster.environment["SLURM_CONF"]}
        # A part that dies is tried again by its job; a job that dies has no successor, and nothing is joined.
        done = run(s, environment, "slurm")
        need(done.returncode == 1 and b"not all parts" in done.stderr, done)
        need((s.path / "once").is_dir(), "nothing was killed")
        need(not (s.path / "out.csv").exists() and not (s.path / "out.json").exists(), s.names())
        (s.path / "mended").mkdir()
        need_whole(s, run(s, environment, "slurm"), csv, report)

#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Runs examples/cluster's Slurm scripts under a Slurm of this test's own, with two nodes on this machine: a training of four
tasks, one of which is killed, one that is told that its time is over, one that is cancelled, and an evaluation.

usage: slurm.py ODT CONFIG     (CONFIG: examples/shapes.config. Needs root and Debian's slurmctld, slurmd, slurm-client and
    munge, none of which has to run; without them: status 77)
"""
import os
import pathlib
import random
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

from trainings import checkpoint, flags, prepare, ranks_of, run, train, until, until_step

PROGRAMS = ("munged", "slurmctld", "slurmd", "srun", "sbatch", "mpirun", "unshare")
TASKS = ("--nodes", "2", "--ntasks-per-node", "2", "--cpus-per-task", "1")
CONFIG = """
ClusterName=odt
SlurmctldHost={host}(127.0.0.1)
SlurmUser=root
SlurmctldPort={ports[0]}
AuthType=auth/munge
AuthInfo=socket={at}/munge/socket,cred_expire=5
CryptoType=crypto/munge
StateSaveLocation={at}/state
SlurmdSpoolDir={at}/spool-%n
TmpFS={at}/tmp-%n
SlurmctldPidFile={at}/slurmctld.pid
SlurmdPidFile={at}/slurmd-%n.pid
SlurmctldLogFile={at}/slurmctld.log
SlurmdLogFile={at}/slurmd-%n.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
SlurmdParameters=config_overrides
MpiDefault=none
KillWait=10
NodeName=node[1-2] NodeHostName={host} NodeAddr=127.0.0.1 Port={ports[1]}-{ports[2]} CPUs=2
PartitionName=all Nodes=ALL Default=YES MaxTime=INFINITE
"""


def free_ports():
    """Three in a row."""
    for port in random.SystemRandom().sample(range(11000, 30000), 1000):
        try:
            with socket.socket() as one, socket.socket() as two, socket.socket() as three:
                for offset, end in enumerate((one, two, three)):
                    end.bind(("", port + offset))
            return port, port + 1, port + 2
        except OSError:
            pass
    raise AssertionError("no ports are free")


class Slurm:
    def __init__(self, at):
        self.at, self.daemons = at, []
        for folder in ("munge", "state", "tmp-node1", "tmp-node2", "spool-node1", "spool-node2"):
            (at / folder).mkdir(mode=0o700 if folder == "munge" else 0o755)
        (at / "munge/key").write_bytes(os.urandom(128))
        (at / "munge/key").chmod(0o600)
        os.environ["SLURM_CONF"] = str(at / "slurm.conf")
        (at / "slurm.conf").write_text(CONFIG.format(at=at, host=socket.gethostname().split(".")[0], ports=free_ports()))

    def __enter__(self):
        munge = self.at / "munge"
        self.daemon("munged", "--force", "--foreground", "--socket", munge / "socket", "--key-file", munge / "key",
                    "--pid-file", munge / "pid", "--log-file", munge / "log", "--seed-file", munge / "seed")
        until((munge / "socket").exists, "munged")
        self.daemon("slurmctld", "-D")
        for node in ("node1", "node2"):
            # By their names MPI tells apart what ranks share memory, and so what they call it.
            self.daemon("unshare", "--uts", "--mount", "sh", "-c",
                        f"hostname {node} && mount -t tmpfs none /dev/shm && exec slurmd -D -N {node}")
        until(self.is_idle, "slurmctld and slurmd")
        return self

    def __exit__(self, *_):
        for daemon in reversed(self.daemons):
            daemon.terminate()
        for daemon in self.daemons:
            try:
                daemon.wait(timeout=20)
            except subprocess.TimeoutExpired:
                daemon.kill()

    def daemon(self, *words):
        with open(self.at / f"{words[0]}-{len(self.daemons)}.out", "wb") as log:
            self.daemons.append(subprocess.Popen(list(map(str, words)), stdout=log, stderr=log, cwd=self.at))

    def is_idle(self):
        done = subprocess.run(["sinfo", "-h", "-N", "-o", "%T"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                              text=True, timeout=30)
        return done.stdout.split() == ["idle", "idle"]

    def submit(self, script, *words):
        """The number of the job."""
        output = run(["sbatch", "--parsable", "--output", "slurm-%j.out", *words[:words.index("--")], script,
                      *words[words.index("--") + 1:]], self.at)
        return int(output)

    def field(self, job, name):
        text = run(["scontrol", "show", "job", job], self.at)
        return re.search(rf"\b{name}=(\S+)", text).group(1)

    def output(self, job):
        file = self.at / f"slurm-{job}.out"
        return file.read_text() if file.exists() else ""

    def end(self, job, limit=240):
        """The job's last state."""
        def ended():
            state = self.field(job, "JobState")
            return state if state not in ("PENDING", "CONFIGURING", "RUNNING", "COMPLETING", "REQUEUED") else None
        return until(ended, lambda: f"the end of job {job}\n{run(['scontrol', 'show', 'job', job], self.at)}\n"
                                    f"{self.output(job)}", limit)


def four_tasks(slurm, train_script):
    job = slurm.submit(train_script, *TASKS, "--", "pipeline.config", "together", *flags())
    assert slurm.end(job) == "COMPLETED", slurm.output(job)
    assert checkpoint(slurm.at, "together") == checkpoint(slurm.at, "alone"), "other bits"
    assert "4 ranks x 2 shards x 1 image" in slurm.output(job), slurm.output(job)
    print("four tasks on two nodes: the same bits as one process", flush=True)


def again(slurm, train_script, model, spoil, said):
    """What happens to the job does not change its result."""
    job = slurm.submit(train_script, *TASKS, "--", "pipeline.config", model, *flags("--save_checkpoints_steps", "2"))
    until_step(slurm.at, model, 4)
    spoil(job, until(lambda: (ranks := ranks_of(model))[3:] and ranks, "four ranks"))
    assert slurm.end(job) == "COMPLETED", slurm.output(job)
    output = slurm.output(job)
    assert slurm.field(job, "Restarts") == "1", output
    assert said in output and "goes on from" in output, output
    assert checkpoint(slurm.at, model) == checkpoint(slurm.at, "alone"), f"{model}: other bits"
    print(f"{model}: back in the queue, and the same bits", flush=True)


def cancelled(slurm, train_script):
    job = slurm.submit(train_script, *TASKS, "--", "pipeline.config", "cancelled", *flags(steps=100000))
    until(lambda: len(ranks_of("cancelled")) == 4, "four ranks")
    time.sleep(2)
    run(["scancel", job], slurm.at)
    assert slurm.end(job) == "CANCELLED", slurm.output(job)
    assert slurm.field(job, "Restarts") == "0"
    assert "the same command goes on from there" in slurm.output(job), slurm.output(job)
    assert not ranks_of("cancelled"), ranks_of("cancelled")
    print("cancelled: saves, ends, and does not come back", flush=True)


def evaluated(slurm, evaluate_script):
    job = slurm.submit(evaluate_script, "--cpus-per-task", "2", "--", "pipeline.config", "together", "--run_once")
    assert slurm.end(job) == "COMPLETED", slurm.output(job)
    assert "evaluation at step 16" in slurm.output(job), slurm.output(job)
    assert list((slurm.at / "together/eval_0").iterdir())
    print("an evaluation beside it: done", flush=True)


def strangers(slurm, odt):
    """Tasks that do not find each other, for srun was not told how: MPI itself refuses, or odt."""
    done = subprocess.run(["srun", "--mpi=none", "-n", "2", odt, *train("strangers")], cwd=slurm.at, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=120)
    assert done.returncode != 0, done.stdout
    assert not (slurm.at / "strangers").exists()
    print("tasks that do not find each other: refused", flush=True)


def main():
    missing = [program for program in PROGRAMS if not shutil.which(program, path=f"{os.environ['PATH']}:/usr/sbin")]
    if missing or os.geteuid() != 0:
        print(f"SKIPPED: {'there is no ' + ', '.join(missing) if missing else 'slurmd has to be started by root'}")
        sys.exit(77)
    odt = pathlib.Path(sys.argv[1]).resolve()
    os.environ["PATH"] = f"{odt.parent}:{os.environ['PATH']}:/usr/sbin"
    cluster = pathlib.Path(sys.argv[2]).resolve().parent / "cluster"
    with tempfile.TemporaryDirectory(prefix="odt-slurm-") as folder:
        at = pathlib.Path(folder)
        at.chmod(0o755)
        prepare(odt, at, sys.argv[2])
        run([odt, *train("alone", "--shards", "8", "--threads", "1")], at)
        with Slurm(at) as slurm:
            script = cluster / "train.sbatch"
            four_tasks(slurm, script)
            again(slurm, script, "killed", lambda job, ranks: os.kill(ranks[-1], signal.SIGKILL), "Killed")
            again(slurm, script, "time-is-over", lambda job, ranks: run(["scancel", "--signal=TERM", job], at),
                  "the same command goes on from there")
            cancelled(slurm, script)
            evaluated(slurm, cluster / "evaluate.sbatch")
            strangers(slurm, odt)


main()

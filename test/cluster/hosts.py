#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Trains on four hosts, which are network namespaces of this machine, cuts one off in the middle of a step, and goes on with
the others: mpirun across them, a rank each, bits compared with a process alone.

usage: hosts.py ODT CONFIG [--rank_timeout SECONDS] [--kept]
    CONFIG: examples/shapes.config; --kept: the host comes back instead of being left out. Needs root, ip (iproute2) and
    mpirun; without them, or where namespaces cannot be made: status 77
"""
import argparse
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time

from trainings import checkpoint, prepare, ranks_of, run, start, train, until, until_step

NAME = f"odt{os.getpid()}"
# mpirun reaches its hosts by this instead of by ssh.
AGENT = """#!/bin/sh
while case $1 in -*) true ;; *) false ;; esac; do shift; done
host=host${1##*.}
shift
exec ip netns exec NAME-$host unshare --uts sh -c 'hostname $0 && eval "$1"' $host "$*"
"""


def ip(*words):
    return subprocess.run(["ip", *map(str, words)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


class Network:
    """Hosts host1, host2, ... at a switch, which is a namespace too: the machine's own network stays as it is."""

    def __init__(self, hosts):
        self.hosts = [f"{NAME}-host{n + 1}" for n in range(hosts)]
        self.switch = f"{NAME}-switch"

    def make(self):
        commands = [("netns", "add", self.switch), ("-n", self.switch, "link", "add", "bridge0", "type", "bridge"),
                    ("-n", self.switch, "link", "set", "bridge0", "up")]
        for n, host in enumerate(self.hosts, 1):
            commands += [("netns", "add", host),
                         ("-n", host, "link", "add", "eth0", "type", "veth", "peer", "name", f"port{n}", "netns",
                          self.switch),
                         ("-n", self.switch, "link", "set", f"port{n}", "master", "bridge0", "up"),
                         ("-n", host, "addr", "add", f"10.231.0.{n}/24", "dev", "eth0"),
                         ("-n", host, "link", "set", "eth0", "up"), ("-n", host, "link", "set", "lo", "up")]
        for command in commands:
            done = ip(*command)
            if done.returncode != 0:
                return f"ip {' '.join(map(str, command))}: {done.stdout.strip()}"
        return ""

    def remove(self):
        for number in range(1, len(self.hosts) + 1):
            for process in self.processes(number):
                os.kill(process, signal.SIGKILL)
        for space in (*self.hosts, self.switch):
            ip("netns", "del", space)

    def cable(self, number, state):
        done = ip("-n", self.switch, "link", "set", f"port{number}", state)
        assert done.returncode == 0, done.stdout

    def on(self, number, *command):
        """The command as that host runs it."""
        return ["ip", "netns", "exec", self.hosts[number - 1], "unshare", "--uts", "sh", "-c",
                'hostname "$0" && exec "$@"', f"host{number}", *command]

    def processes(self, number):
        return [int(p) for p in ip("netns", "pids", self.hosts[number - 1]).stdout.split()]


def hostfile(at, *numbers, slots=1):
    (at / "hosts").write_text("".join(f"10.231.0.{n} slots={slots}\n" for n in numbers))


def environment(at):
    agent = at / "agent"
    agent.write_text(AGENT.replace("NAME", NAME))
    agent.chmod(0o755)
    return {"OMPI_MCA_plm_rsh_agent": str(agent), "OMPI_MCA_btl_tcp_if_include": "eth0", "OMPI_MCA_oob_tcp_if_include": "eth0"}


def four_hosts(odt, at, network, variables):
    hostfile(at, 1, 2, 3, 4)
    output = run(network.on(1, odt, "launch", "--ranks", "4", "--hostfile", "hosts", "--", *train("four")), at, **variables)
    assert "4 ranks x 2 shards x 1 image" in output, output
    assert checkpoint(at, "four") == checkpoint(at, "alone"), "four hosts: other bits"
    print("four hosts: the same bits as one process", flush=True)


def cut_off(odt, at, network, variables, timeout, kept):
    hostfile(at, 1, 2, 3, 4)
    command = train("cut", "--save_checkpoints_steps", "2", "--rank_timeout", timeout)
    with open(at / "log", "w+") as log:
        process = subprocess.Popen(network.on(1, odt, "launch", "--ranks", "4", "--hostfile", "hosts", "--max_restarts", "5", "--", *command),
                                   cwd=at, stdout=log, stderr=log, env={**os.environ, **variables})
        until_step(at, "cut", 4)
        lost = set(network.processes(3)) & set(ranks_of("cut"))
        assert len(lost) == 1, lost
        network.cable(3, "down")
        began = time.monotonic()
        wanted = re.compile(rf"rank 2 \(host3, process {lost.pop()}\) has given no sign of life for \d+ s "
                            r"(in bucket \d+ of|at) step \d+")
        until(lambda: wanted.search((at / "log").read_text()), lambda: f"the name of host 3\n{(at / 'log').read_text()}", 100)
        named = time.monotonic() - began
        if kept:
            network.cable(3, "up")
        else:
            hostfile(at, 1, 2, 4, slots=2)
        until(lambda: process.poll() is not None, lambda: f"the end\n{(at / 'log').read_text()}", 200)
    output = (at / "log").read_text()
    assert process.returncode == 0, output
    assert "goes on from" in output and "restart 1 of 5" in output, output
    assert checkpoint(at, "cut") == checkpoint(at, "alone"), "cut off: other bits"
    print(f"a host that was cut off: named after {named:.0f} s, and gone on {'with it' if kept else 'without it'} after "
          f"{time.monotonic() - began:.0f} s: the same bits", flush=True)
    ends = time.monotonic()
    until(lambda: not network.processes(3), "the end of what ran on host 3", 120)
    print(f"and {time.monotonic() - ends:.0f} s later nothing runs on it any more", flush=True)


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("odt")
    arguments.add_argument("config")
    arguments.add_argument("--rank_timeout", default="60")
    arguments.add_argument("--kept", action="store_true")
    given = arguments.parse_args()
    missing = [program for program in ("mpirun", "ip", "unshare") if not shutil.which(program)]
    if missing or os.geteuid() != 0:
        print(f"SKIPPED: {'there is no ' + ', '.join(missing) if missing else 'namespaces have to be made by root'}")
        sys.exit(77)
    odt = str(pathlib.Path(given.odt).resolve())
    network = Network(4)
    try:
        if wrong := network.make():
            print(f"SKIPPED: namespaces cannot be made here: {wrong}")
            sys.exit(77)
        with tempfile.TemporaryDirectory(prefix="odt-hosts-") as folder:
            at = pathlib.Path(folder)
            variables = environment(at)
            prepare(odt, at, given.config)
            run([odt, *train("alone", "--shards", "8", "--threads", "1")], at)
            four_hosts(odt, at, network, variables)
            cut_off(odt, at, network, variables, given.rank_timeout, given.kept)
    finally:
        network.remove()


main()

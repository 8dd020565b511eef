#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Steps of odt and of a peer, alternating, on the same machine at the same time.

A repetition during which other processes used more than a few percent of the cores is discarded and made again. Prints
every repetition, then medians, the ratio pair by pair, shares of what the machine gave at that moment, and memory.
Flags that are not listed here go to both programs: --model --batch_size --threads --steps --warmup --precision
--forward_only ...
"""
import argparse
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
# No page faults from the allocator: the fair setting for PyTorch.
TUNED = {"MALLOC_MMAP_MAX_": "0", "MALLOC_TRIM_THRESHOLD_": "20000000000", "GLIBC_TUNABLES": "glibc.malloc.hugetlb=1",
         "TORCHINDUCTOR_COMPILE_THREADS": "1"}
AVX2 = {"ATEN_CPU_CAPABILITY": "avx2", "ONEDNN_MAX_CPU_ISA": "AVX2"}
TORCH = {"eager": [], "eager_nchw": ["--layout", "nchw"], "compile": ["--compile"],
         "compile_nchw": ["--compile", "--layout", "nchw"]}


def busy_seconds():
    """CPU seconds that all processes of the machine, and the machines beside it (steal), have used."""
    with open("/proc/stat") as stat:
        user, nice, system, _, _, irq, softirq, steal = map(int, stat.readline().split()[1:9])
    return (user + nice + system + irq + softirq + steal) / os.sysconf("SC_CLK_TCK")


class Judge:
    """Runs programs, and tells how much others took of the cores meanwhile."""

    def __init__(self, limit, discards, patience):
        self.limit, self.left, self.patience = limit, discards, patience
        self.discarded = self.disturbed = 0

    def wait_for_calm(self):
        while self.patience > 0:
            before = busy_seconds()
            time.sleep(0.5)
            if busy_seconds() - before <= self.limit * 0.5 * os.cpu_count():
                return
            self.patience -= 0.5

    def run_once(self, command, env):
        """The last line of the output as JSON, and the share of the cores that others used."""
        before, begin = busy_seconds(), time.monotonic()
        with tempfile.TemporaryFile("w+") as errors:
            child = subprocess.Popen(command, env={**os.environ, **env}, stdout=subprocess.PIPE, stderr=errors, text=True)
            out = child.stdout.read()
            _, status, usage = os.wait4(child.pid, 0)
            child.returncode = os.waitstatus_to_exitcode(status)
            errors.seek(0)
            if child.returncode or not out.strip():
                raise RuntimeError(" ".join(command) + ":\n" + errors.read()[-2000:])
        others = busy_seconds() - before - usage.ru_utime - usage.ru_stime
        return json.loads(out.strip().split("\n")[-1]), max(others, 0) / (time.monotonic() - begin) / os.cpu_count()

    def run(self, command, env):
        """A repetition that nobody disturbed; the least disturbed one when there is no more patience for others."""
        best, least = None, 1e9
        while True:
            self.wait_for_calm()
            row, others = self.run_once(command, env)
            if others < least:
                best, least = row, others
            if others <= self.limit or self.left <= 0:
                break
            self.left -= 1
            self.discarded += 1
        self.disturbed += least > self.limit
        best["others"] = least
        return best


class Programs:
    """The command lines of odt and its peers for one configuration."""

    def __init__(self, args, flags, folder):
        self.args, self.flags, self.folder = args, flags, folder
        self.ours = os.environ.get("ODT_BENCH") or str(
            HERE.parent / "build" / ("haswell" if args.isa == "avx2" else "release") / "bin/bench_train_step")
        if not os.access(self.ours, os.X_OK):
            preset = "haswell" if args.isa == "avx2" else "release"
            sys.exit(f"compare: there is no {self.ours}; build it: cmake --preset {preset} && "
                     f"cmake --build --preset {preset} --target bench_train_step")

    def odt(self):
        return [self.ours, "--json", *self.flags]

    def ceilings(self):
        kept = [[flag, self.flags[self.flags.index(flag) + 1]] for flag in ("--threads", "--precision")
                if flag in self.flags]
        return [self.ours, "--ceilings", *sum(kept, [])]

    def env(self):
        return {**TUNED, **(AVX2 if self.args.isa == "avx2" else {})}

    def peer(self, name, flags=None):
        flags = self.flags if flags is None else flags
        if name == "onnx":
            network = os.path.join(self.folder, "network.onnx")
            return [sys.executable, str(HERE / "peers/onnx_forward.py"), "--network", network, *flags]
        return [sys.executable, str(HERE / "peers/torch_train_step.py"), *TORCH[name], *flags]


def brief(flags):
    """The flags with two steps after two."""
    kept = [f for i, f in enumerate(flags) if f not in ("--steps", "--warmup") and
            (i == 0 or flags[i - 1] not in ("--steps", "--warmup"))]
    return [*kept, "--warmup", "2", "--steps", "2"]


def choose_peer(programs, judge):
    """The peer's name; for "best" the quickest one in brief runs (an SSD without training: ONNX Runtime)."""
    wanted = programs.args.peer
    if wanted != "best":
        return wanted
    if "--forward_only" in programs.flags and not any(f.startswith("faster_rcnn") for f in programs.flags):
        return "onnx"
    rates = {}
    for name in TORCH:
        try:
            rates[name] = judge.run_once(programs.peer(name, brief(programs.flags)), programs.env())[0]["img_per_s"]
        except RuntimeError as problem:
            print(f"{name} does not run: {str(problem).strip().splitlines()[-1]}", file=sys.stderr)
    if not rates:
        sys.exit(f"compare: no peer runs with {sys.executable}; set PYTHON to one that has torch")
    print("brief runs, img/s: " + ", ".join(f"{name} {rate:.2f}" for name, rate in rates.items()))
    return max(rates, key=rates.get)


def with_shares(row, ours, ceilings):
    """The peer's row with the shares that odt tells of itself: the same work in the peer's time."""
    seconds = row["median_ms"] / 1e3
    peak = statistics.mean(c["peak_gflops"] for c in ceilings)
    bandwidth = statistics.mean(c["bandwidth_gbs"] for c in ceilings)
    return {**row, "share_of_peak": ours["step_gflop"] / seconds / peak,
            "share_of_bandwidth": ours["step_gbyte"] / seconds / bandwidth}


def show(row, name):
    print(f"  {name:14s} {row['img_per_s']:8.2f} img/s  {row['median_ms']:9.2f} ms  "
          f"FMA {100 * row['share_of_peak']:3.0f} %  bandwidth {100 * row['share_of_bandwidth']:3.0f} %  "
          f"memory {row['rss_growth_mb']:6.0f} MB  others {100 * row['others']:3.0f} %", flush=True)


def check_same_network(ours, theirs):
    """Refuses a peer whose network is another one, as far as it tells."""
    for what in ("parameters", "multiply_adds"):
        if theirs.get(what, ours[what]) != ours[what]:
            raise RuntimeError(f"{what} of {ours['model']}: {ours[what]} in odt, {theirs[what]} in {theirs['program']}")


def alternate(programs, judge, peer):
    """Rows of odt and of the peer, one pair a round."""
    ours, theirs = [], []
    for _ in range(programs.args.rounds):
        ours.append(judge.run(programs.odt(), {}))
        show(ours[-1], "odt")
        if peer == "none":
            continue
        ceilings = [judge.run_once(programs.ceilings(), {})[0]]
        row = judge.run(programs.peer(peer), programs.env())
        check_same_network(ours[-1], row)
        ceilings.append(judge.run_once(programs.ceilings(), {})[0])
        theirs.append(with_shares(row, ours[-1], ceilings))
        show(theirs[-1], peer)
    return ours, theirs


def summary_of(ours, theirs, peer, judge):
    keys = ("img_per_s", "median_ms", "share_of_peak", "share_of_bandwidth", "rss_growth_mb")
    median = lambda rows: {key: statistics.median(row[key] for row in rows) for key in keys}
    result = {"peer": peer, "parameters": ours[-1]["parameters"], "multiply_adds": ours[-1]["multiply_adds"],
              "odt": {**median(ours), "planned_mb": ours[-1]["planned_mb"]},
              "discarded": judge.discarded, "disturbed": judge.disturbed}
    if theirs:
        result["theirs"] = median(theirs)
        result["ratios"] = sorted(a["img_per_s"] / b["img_per_s"] for a, b in zip(ours, theirs))
        result["ratio"] = statistics.median(result["ratios"])
    return result


def tell(s):
    print(f"{s['parameters']:,} parameters, {s['multiply_adds']:,} multiply-adds an image")
    line = lambda name, row: (f"{name}: {row['img_per_s']:.2f} img/s, {100 * row['share_of_peak']:.0f} % of the FMA peak, "
                              f"{100 * row['share_of_bandwidth']:.0f} % of the bandwidth, memory grew by "
                              f"{row['rss_growth_mb']:.0f} MB")
    print(line("odt", s["odt"]) + f" (planned {s['odt']['planned_mb']:.0f})")
    if "theirs" in s:
        print(line(s["peer"], s["theirs"]))
        print(f"ratio pair by pair: {s['ratios'][0]:.2f} .. {s['ratio']:.2f} .. {s['ratios'][-1]:.2f}; memory "
              f"{s['odt']['rss_growth_mb'] / s['theirs']['rss_growth_mb']:.2f}")
    print(f"discarded: {s['discarded']}; disturbed all the same: {s['disturbed']}", flush=True)


def parser():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--rounds", type=int, default=5)
    p.add_argument("--peer", default="best", choices=["best", "none", "onnx", *TORCH],
                   help="best: the quickest of PyTorch's in brief runs; with --forward_only ONNX Runtime for an SSD")
    p.add_argument("--isa", default="native", choices=["native", "avx2"], help="avx2: of both; odt from build/haswell")
    p.add_argument("--limit", type=float, default=0.04, help="of the cores that others may use in a repetition")
    p.add_argument("--max_discards", type=int, default=10, help="then disturbed repetitions count, and are told")
    p.add_argument("--patience", type=float, default=60, help="seconds to wait for others, in all")
    return p


def compare(argv):
    """Runs one comparison; its summary."""
    args, flags = parser().parse_known_args(argv)
    with tempfile.TemporaryDirectory() as folder:
        programs, judge = Programs(args, flags, folder), Judge(args.limit, args.max_discards, args.patience)
        judge.run_once([programs.ours, "--json", *brief(flags)], {})  # what odt refuses costs no time of the peers
        peer = choose_peer(programs, judge)
        if peer == "onnx":
            judge.run_once(programs.peer(peer, brief(flags)), programs.env())  # exports the network
        ours, theirs = alternate(programs, judge, peer)
        summary = summary_of(ours, theirs, peer, judge)
    tell(summary)
    return summary


if __name__ == "__main__":
    try:
        compare(sys.argv[1:])
    except RuntimeError as error:
        sys.exit(f"compare: {error}")

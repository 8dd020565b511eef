#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The tables of docs/scaling.md are those that bench/scaling.py computes, and what it computes makes sense.

usage: scaling.py ROOT
"""
import pathlib
import re
import subprocess
import sys

root = pathlib.Path(sys.argv[1])
page = (root / "docs/scaling.md").read_text()


def computed(*flags):
    return subprocess.run([sys.executable, root / "bench/scaling.py", *flags], check=True, stdout=subprocess.PIPE,
                          text=True).stdout


def shares(*flags):
    """In percent, by row."""
    return [int(share) for share in re.findall(r"\((\d+) %\)", computed(*flags))]


for flags in ((), ("--speed", "8", "--cores", "16")):
    assert computed(*flags) in page, f"docs/scaling.md: not what bench/scaling.py {' '.join(flags)} computes"
assert min(shares("--gbit", "1e6", "--exchange", "0", "--message", "0", "--spread", "0", "--cores", "1000000")) >= 99
for worse in (("--exchange", "10000"), ("--message", "1000"), ("--spread", "0.1"), ("--speed", "4")):
    usual = shares("--gbit", "5")
    assert all(a <= b for a, b in zip(shares("--gbit", "5", *worse), usual)) and shares("--gbit", "5", *worse) != usual, worse
assert shares("--gbit", "0.5", "--shards", "4") > shares("--gbit", "0.5"), "more images a step, and no larger a share"
print("the tables of docs/scaling.md are computed")

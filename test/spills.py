#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Prints the registers, shared memory and spills of every kernel, and fails where one spills that is not known to.

usage: spills.py OBJECT...    (keep_ptxas.sh has left OBJECT.ptxas beside each that comes from a .cu)
"""
import pathlib
import re
import subprocess
import sys

JUDGED = "sm_90a"  # the ceilings are this architecture's; the others are printed alone

# Kernel (regular expression, whole) -> the most bytes that it may store or load in spills.
KNOWN = {
    r"convolve<bf16, bf16, 128, (32|64), true, 2>": 200,  # data gradients, element by element
    r"convolve_weights<bf16, 64, 2, 2>": 24,
    r"convolve_weights<float, 64, 0, 2>": 4,
    r"avg_(forward<1, 0|backward<1), (bf16|float)>": 48,  # channels that are no whole vectors; around a division
    r"assign_image<\w+, bipartite_matcher, \w+>": 32,  # rows one after the other
    r"make_pixels": 20,  # around divisions
    r"select": 12,
}

ENTRY = re.compile(r"Compiling entry function '(\w+)' for '(\w+)'")
SPILLS = re.compile(r"(\d+) bytes spill stores, (\d+) bytes spill loads")
REGISTERS = re.compile(r"Used (\d+) registers")
SHARED = re.compile(r"(\d+) bytes smem")


def demangled(names):
    lines = subprocess.run(["c++filt"], input="\n".join(names), capture_output=True, text=True, check=True).stdout
    return [short(line) for line in lines.splitlines()]


def short(name):
    """`odt::cuda::(anonymous namespace)::f<__nv_bfloat16, 4>` as `f<bf16, 4>`."""
    name = re.sub(r"\(anonymous namespace\)::|\w*_GLOBAL__N_\w*::|odt::(cuda::)?(detail::)?|^void ", "", name)
    name = re.sub(r"\((\w+::)?\w+\)(\d+)", r"\2", name.replace("__nv_bfloat16", "bf16"))
    depth = 0
    for i, c in enumerate(name):
        depth += {"<": 1, ">": -1}.get(c, 0)
        if c == "(" and depth == 0:
            return name[:i]
    return name


def kernels(text):
    """(mangled name, architecture, registers, static shared memory, bytes spilled)"""
    found = list(ENTRY.finditer(text))
    for entry, following in zip(found, found[1:] + [None]):
        part = text[entry.end():following.start() if following else len(text)]
        number = lambda pattern: max((int(n) for m in pattern.finditer(part) for n in m.groups()), default=0)
        yield entry.group(1), entry.group(2), number(REGISTERS), number(SHARED), number(SPILLS)


def ceiling(name):
    return max((most for pattern, most in KNOWN.items() if re.fullmatch(pattern, name)), default=0)


def main():
    rows, errors = {}, []
    for unit in (pathlib.Path(a) for a in sys.argv[1:] if re.search(r"\.cu\.o(bj)?$", a)):
        said = unit.with_name(unit.name + ".ptxas")
        if said.exists():
            rows.update((row[:2], row) for row in kernels(said.read_text()))
        elif unit.exists():
            errors.append(f"{said} is missing")
    names = demangled([row[0] for row in rows.values()])
    print(f"{'spilled':>7} {'registers':>9} {'shared':>7}  kernel")
    for name, (_, architecture, registers, shared, spilled) in sorted(zip(names, rows.values())):
        print(f"{spilled:7} {registers:9} {shared:7}  {name} {architecture}")
        if architecture == JUDGED and spilled > ceiling(name):
            errors.append(f"{name} spills {spilled} bytes, {ceiling(name)} are allowed")
    print("\n".join(errors) if errors else f"{len(rows)} kernels spill no more than is known")
    return 1 if errors or not rows else 0


if __name__ == "__main__":
    sys.exit(main())

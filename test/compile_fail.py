#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Checks that a source is refused by the compiler, for the reason it names.

usage: compile_fail.py SOURCE COMPILER [FLAGS...]

Each line `// expect: REGEX` of the source must match what the compiler says. With -DRIGHT the same source must compile,
so that it fails for nothing else.
"""
import re
import subprocess
import sys


def compile_source(command, source, *more):
    result = subprocess.run([*command, *more, "-fsyntax-only", source], capture_output=True, text=True, check=False)
    return result.returncode, result.stderr


def main():
    source, command = sys.argv[1], sys.argv[2:]
    with open(source, encoding="utf-8") as file:
        text = file.read()
    expected = re.findall(r"^// expect: (.+)$", text, flags=re.M)
    if not expected or "RIGHT" not in text:
        print(f"{source}: has no `// expect: REGEX`, or no variant for -DRIGHT")
        return 1
    code, said = compile_source(command, source, "-DRIGHT")
    if code != 0:
        print(f"{source}: does not compile with -DRIGHT either:\n{said}")
        return 1
    code, said = compile_source(command, source)
    if code == 0:
        print(f"{source}: compiles, but must not")
        return 1
    missing = [pattern for pattern in expected if not re.search(pattern, said)]
    for pattern in missing:
        print(f"{source}: the compiler does not say /{pattern}/")
    if missing:
        print(said)
    return 1 if missing else 0


if __name__ == "__main__":
    sys.exit(main())

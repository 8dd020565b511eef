#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Makes C++ of CUDA sources for the emulation: translate.py SOURCE_FOLDER TARGET_FOLDER

Two things of CUDA are no C++ that macros could supply: launches, kernel<<<grid, block, bytes, stream>>>(arguments), and
arrays in dynamic shared memory. Headers begin with emulation.hpp. Files that did not change are not written.
"""
import pathlib
import re
import sys

INCLUDE = '#include "exec/cuda/emulation/emulation.hpp"\n'
CLOSING = {"(": ")", "<": ">"}


def end_of(text, at):
    """Where the bracket at `at` is closed."""
    depth = 0
    for i in range(at, len(text)):
        depth += (text[i] == text[at]) - (text[i] == CLOSING[text[at]])
        if depth == 0:
            return i
    raise ValueError("a bracket stays open: " + text[at:at + 60])


def start_of_kernel(text, end):
    """Where the name of the kernel that ends at `end` begins, with its template arguments."""
    at = len(text[:end].rstrip())
    if text[at - 1] == ">":
        depth = 0
        while True:
            at -= 1
            depth += (text[at] == ">") - (text[at] == "<")
            if depth == 0:
                break
    return at - len(re.search(r"[\w:]*$", text[:at]).group())


def translate_launches(text):
    while (launch := text.find("<<<")) >= 0:
        begin, close = start_of_kernel(text, launch), text.index(">>>", launch)
        first = text.index("(", close)
        last = end_of(text, first)
        kernel, how, arguments = text[begin:launch].strip(), text[launch + 3:close], text[first + 1:last]
        text = (f"{text[:begin]}odt::emulation::launch({how}, [=](const auto&... each) {{ {kernel}(each...); }}"
                f"{', ' if arguments.strip() else ''}{arguments}){text[last + 1:]}")
    return text


def translate(text):
    text = re.sub(r"extern __shared__ (?:__align__\(\d+\) )?([\w ]+?) (\w+)\[\];",
                  r"auto* \2 = static_cast<\1*>(odt::emulation::dynamic_shared());", text)
    text = translate_launches(text)
    return text.replace("#pragma once\n", "#pragma once\n" + INCLUDE, 1) if "#pragma once" in text else INCLUDE + text


def main():
    source, target = map(pathlib.Path, sys.argv[1:])
    here = pathlib.Path(__file__).parent
    for path in sorted(source.rglob("*")):
        if path.suffix not in (".cu", ".cuh", ".hpp") or path.parent.name == here.name:
            continue
        own = here / path.name  # what stands in the place of a header
        text = own.read_text() if own.exists() else translate(path.read_text())
        to = target / path.relative_to(source)
        to.parent.mkdir(parents=True, exist_ok=True)
        if not to.exists() or to.read_text() != text:
            to.write_text(text)


if __name__ == "__main__":
    main()

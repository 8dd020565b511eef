#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Writes the manual page of odt, made of the --help of the program and of each of its subcommands.

usage: man_page.py PROGRAM OUTPUT.gz
"""
import gzip
import re
import subprocess
import sys

COLUMN = 30  # of CLI11's descriptions
EPILOGUE = r""".SH ENVIRONMENT
.TP
.B ODT_ARCH
which of the programs of a package runs: \fBx86\-64\-v2\fP, \fBx86\-64\-v3\fP or \fBx86\-64\-v4\fP. When not set, the
highest that the processor has.
.SH EXIT STATUS
0; 1 after an error, which is on standard error; 2 when the command line is wrong; 128 and the signal's number when a
training was interrupted.
"""


def ask(program, *arguments):
    return subprocess.run([program, *arguments], check=True, capture_output=True, text=True).stdout


def escape(text):
    text = text.replace("\\", r"\e").replace("-", r"\-")
    text = re.sub(r",(?=\S)", r",\\:", text)  # where a line may break
    return re.sub(r"^([.'])", r"\\&\1", text, flags=re.M)


def parse(text):
    """A help text as (what it says first, usage, {section: [(name, description)]}, what it says last)."""
    first, usage, sections, last, entries = [], "", {}, [], None
    lines = text.splitlines()
    for line, following in zip(lines, [*lines[1:], ""]):
        if line.startswith("Usage: "):
            usage = line[len("Usage: "):]
        elif heading := re.fullmatch(r"(positionals|options|subcommands):", line.lower()):
            entries = sections.setdefault(heading.group(1), [])
        elif entries is not None and (entry := re.fullmatch(r"  (\S.*?)(?:\s{2,}(.*))?", line)):
            name, description = entry.group(1), entry.group(2) or ""
            if not description and line[COLUMN - 1:COLUMN] == " " and not following.startswith(" " * COLUMN):
                name, description = line[:COLUMN].strip(), line[COLUMN:]  # a name that just fits
            entries.append((name, description))
        elif entries and line.startswith("   "):
            name, description = entries[-1]
            entries[-1] = (name, f"{description} {line.strip()}".strip())
        elif line.strip():
            (last if entries else first).append(line)
    return first, usage, sections, last


def names_of(entry):
    """The part of an option's line that is typed as it stands in bold."""
    flags, _, rest = entry.partition(" ")
    return rf"\fB{escape(flags)}\fP" + (f" {escape(rest)}" if rest else "")


def list_of(entries):
    return "".join(f".TP\n{names_of(name)}\n{escape(what)}\n" for name, what in entries)


def leaves(program, command, text):
    """Each subcommand that has none of its own, with its help."""
    subcommands = parse(text)[2].get("subcommands")
    if not subcommands:
        yield command, text
    for name, _ in subcommands or []:
        yield from leaves(program, [*command, name], ask(program, *command, name, "--help"))


def main(program, output):
    try:
        text = ask(program, "--help")
    except (OSError, subprocess.CalledProcessError) as wrong:
        print(f"no manual page: {wrong}")  # a program for another processor than this machine's
        return
    first, usage, sections, _ = parse(text)
    version = ask(program, "--version").splitlines()[0]
    name, _, summary = first[0].partition(": ")
    page = f'.TH {name.upper()} 1 "" "{version}" "User Commands"\n.ad l\n.nh\n'
    page += f".SH NAME\n{name} \\- {escape(summary.rstrip('.'))}\n"
    page += f".SH SYNOPSIS\n{escape(usage)}\n"
    page += f".SH DESCRIPTION\n{escape(chr(10).join(first[1:]))}\n"
    page += list_of(sections["subcommands"])
    page += f".SH OPTIONS\n{list_of(sections['options'])}.SH COMMANDS\n"
    for command, help_text in leaves(program, [], text):
        first, usage, sections, last = parse(help_text)
        page += f'.SS "{escape(" ".join([name, *command]))}"\n{escape(" ".join(first))}\n.PP\n{escape(usage)}\n'
        options = [each for each in sections.get("options", []) if "--help" not in each[0]]
        page += list_of(sections.get("positionals", []) + options)
        page += "".join(f".PP\n{escape(line)}\n" for line in last)
    with open(output, "wb") as file, gzip.GzipFile("", "wb", 9, file, mtime=0) as packed:
        packed.write((page + EPILOGUE).encode())


if __name__ == "__main__":
    main(*sys.argv[1:])

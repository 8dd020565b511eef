# SPDX-License-Identifier: MIT
"""Runs the commands of a page of docs/ as they stand there, on what is made here in the place of what the page fetches."""
import os
import re
import subprocess
import sys
import tarfile

CURL = """#!/bin/sh
to= from=
while [ $# -gt 0 ]; do
  case $1 in
    -o) to=$2; shift ;;
    -*) ;;
    *) from=$1 ;;
  esac
  shift
done
cp "$FETCHED/$(basename "$from")" "${to:-.}"
"""
TENSORBOARD = """#!/bin/sh
for folder in "$@"; do :; done
ls "${folder#--logdir=}"/events.out.tfevents.*
"""


def run(command, at, **environment):
    done = subprocess.run([str(word) for word in command], cwd=at, env={**os.environ, **environment},
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if done.returncode != 0:
        sys.exit(f"{' '.join(map(str, command))}: status {done.returncode}\n{done.stdout}")
    return done.stdout


def pack(archive, path, name):
    with tarfile.open(archive, "w:gz", compresslevel=0) as out:
        out.add(path, name)


def blocks_of(page):
    return re.findall(r"```sh\n(.*?)```", page.read_text(), re.S)


def sample_config(shared, name):
    """A sample config of the API."""
    for folder in ("data/configs", "golden/models/variables"):
        path = shared / folder / name
        if path.is_file():
            return path.read_text()
    print(f"SKIPPED: {shared} has no {name}")
    sys.exit(77)


def run_blocks(blocks, odt, fetched, at, odt_script='#!/bin/sh\nexec "$ODT" "$@"\n', **environment):
    """In at/work, with programs of our own before `odt`, `curl` and `tensorboard`; returns that folder and all output."""
    wrappers, work = at / "bin", at / "work"
    wrappers.mkdir()
    work.mkdir(exist_ok=True)
    for name, script in {"odt": odt_script, "curl": CURL, "tensorboard": TENSORBOARD}.items():
        (wrappers / name).write_text(script)
        (wrappers / name).chmod(0o755)
    said = ""
    for block in blocks:
        said += run(["sh", "-eu", "-c", block], work, PATH=f"{wrappers}:{os.environ['PATH']}", ODT=str(odt),
                    FETCHED=str(fetched), **environment)
    return work, said

# SPDX-License-Identifier: MIT
"""Goes on with the interpreter that has what a test needs, where test/run.sh --all has installed one."""
import os
import pathlib
import sys


def go_on_or_skip(missing):
    python = pathlib.Path(__file__).resolve().parents[2] / "build" / "peers" / "bin" / "python"
    if python.exists() and not os.environ.get("ODT_PEERS"):
        os.environ["ODT_PEERS"] = str(python)
        os.execv(python, [str(python), *sys.argv])
    print(f"SKIPPED: {missing}")
    sys.exit(77)

#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Runs the example programs on a small labelled photo set and a detector that was trained for two steps.

usage: examples.py BIN_DIR CONFIG    (CONFIG: examples/shapes.config)
"""
import pathlib
import subprocess
import sys
import tempfile


def run(*command):
    done = subprocess.run([str(word) for word in command], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if done.returncode != 0:
        sys.exit(f"{' '.join(map(str, command))}: status {done.returncode}\n{done.stdout}")
    return done.stdout


def main():
    programs, config = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])
    with tempfile.TemporaryDirectory() as folder:
        at = pathlib.Path(folder)
        odt = programs / "odt"
        run(odt, "shapes", "--output", at / "photos", "--count", "12")
        run(odt, "convert", "labelimg", "--images", at / "photos/images", "--annotations", at / "photos/annotations",
            "--output", at / "data")
        text = config.read_text().replace("runs/shapes/data", str(at / "data"))
        (at / "pipeline.config").write_text(text.replace("height: 256 width: 256", "height: 64 width: 64"))
        run(odt, "train", "--pipeline_config_path", at / "pipeline.config", "--model_dir", at / "model",
            "--num_train_steps", "2", "--no_eval")
        pictures = sorted((at / "photos/images").iterdir())
        steps = run(programs / "library", at / "pipeline.config", at / "data/train.record", pictures[0])
        assert "step 20: loss " in steps, steps
        # Two steps teach nothing: what is found has a score near one half, or there is nothing.
        for line in run(programs / "detect", at / "model", *pictures[:2]).splitlines():
            assert any(shape in line for shape in ("circle", "square", "star", "triangle")), line


main()

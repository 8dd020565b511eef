#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Kills odt (-9) at random moments, and looks at what is left.

A training that was killed goes on to the same bits as one that was not. A conversion that was killed leaves no half
file under a final name, and the next one makes what it would have made.

usage: kills.py ODT CONFIG [--training N] [--conversion N] [--seed N]    (CONFIG: examples/shapes.config)
"""
import argparse
import pathlib
import random
import signal
import subprocess
import sys
import tempfile
import time


def run(command, at):
    done = subprocess.run(command, cwd=at, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if done.returncode != 0:
        sys.exit(f"{' '.join(command)}: status {done.returncode}\n{done.stdout}")


def seconds_of(command, at):
    began = time.monotonic()
    run(command, at)
    return time.monotonic() - began


def killed(command, at, after):
    """Whether the kill came before the end."""
    process = subprocess.Popen(command, cwd=at, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    try:
        output, _ = process.communicate(timeout=after)
    except subprocess.TimeoutExpired:
        process.kill()
        output, _ = process.communicate()
    if process.returncode not in (0, -signal.SIGKILL):
        sys.exit(f"{' '.join(command)}: status {process.returncode}\n{output}")
    return process.returncode != 0


def files_of(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()} if folder.is_dir() else {}


def train(odt, at, kills):
    """Checkpoints after every step, so that many of the kills come while one is written."""
    def command(model):
        return [odt, "train", "--pipeline_config_path", "pipeline.config", "--model_dir", model, "--no_eval",
                "--num_train_steps", "40", "--save_checkpoints_steps", "1", "--threads", "1", "--data_threads", "1"]
    last = "model.ckpt-40"
    longest = seconds_of(command("whole"), at)
    expected = {name: content for name, content in files_of(at / "whole").items() if name.startswith(last)}
    assert len(expected) == 2, expected.keys()
    done = runs = 0
    while done < kills:
        runs += 1
        model = f"killed-{runs}"
        while killed(command(model), at, random.uniform(0, longest / 2)):
            done += 1
        left = files_of(at / model)
        for name, content in expected.items():
            assert left[name] == content, f"{model}/{name} is not what an uninterrupted run writes"
        stray = [name for name in left if ".tmp-" in name or (".data-" in name and name[:name.rfind(".data-")] + ".index" not in left)]
        assert not stray, f"{model}: {stray} are left"
        print(f"training: {done} kills, {runs} runs to the end, all the same bits", flush=True)


def convert(odt, at, kills):
    def command(output):
        return [odt, "convert", "labelimg", "--images", "photos/images", "--annotations", "photos/annotations",
                "--output", output, "--shards", "4", "--threads", "1"]
    longest = seconds_of(command("data"), at)
    expected = files_of(at / "data")
    done = 0
    while done < kills:
        output = f"data-{done}"
        # Most of the renames come at the end.
        after = random.uniform(0, longest) if done % 2 else random.uniform(.8 * longest, 1.1 * longest)
        done += killed(command(output), at, after)
        left = {name: content for name, content in files_of(at / output).items() if not name.startswith(".")}
        for name, content in left.items():
            assert expected.get(name) == content, f"{output}/{name} is not what an uninterrupted conversion writes"
        run(command(output), at)
        assert files_of(at / output) == expected, f"{output}: the conversion after the kill made something else"
    print(f"conversion: {done} kills, no half file under a final name", flush=True)


def main():
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("odt")
    options.add_argument("config", type=pathlib.Path)
    options.add_argument("--training", type=int, default=10, help="kills")
    options.add_argument("--conversion", type=int, default=5, help="kills")
    options.add_argument("--seed", type=int, default=0)
    given = options.parse_args()
    random.seed(given.seed)
    odt = str(pathlib.Path(given.odt).absolute())
    with tempfile.TemporaryDirectory() as folder:
        at = pathlib.Path(folder)
        run([odt, "shapes", "--output", "photos", "--count", "200"], at)
        convert(odt, at, given.conversion)
        config = given.config.read_text()
        for value, small in (("runs/shapes/data", "data"), ("train.record", "train.record-*"), ("val.record", "val.record-*"),
                             ("height: 256 width: 256", "height: 64 width: 64"), ("batch_size: 16", "batch_size: 2")):
            assert value in config, f"{given.config} has no {value}"
            config = config.replace(value, small)
        (at / "pipeline.config").write_text(config)
        train(odt, at, given.training)


main()

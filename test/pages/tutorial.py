#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Runs the commands of docs/tutorial.md, as they stand there. Instead of photos of raccoons there are drawn pictures of
one class, and the sample config is that of a small network that trains for two steps.

usage: tutorial.py ODT PAGE SHARED     (SHARED: the folder of golden/ and data/; without it: status 77)
"""
import pathlib
import re
import sys
import tempfile

from pages import blocks_of, pack, run, run_blocks, sample_config

CONFIG = "ssd_inception_v2_coco.config"
SMALL = [(r"height: 300", "height: 96"), (r"width: 300", "width: 96"), (r"depth_multiplier: 1.0", "depth_multiplier: 0.25"),
         (r"batch_size: 24", "batch_size: 2"), (r"num_steps: 200000", "num_steps: 2")]


def make_raccoons(odt, at):
    """raccoon_dataset-master/ with images/ and annotations/, packed under the name of the download."""
    run([odt, "shapes", "--output", "raccoon_dataset-master", "--count", "12", "--max_objects", "1"], at)
    folder = at / "raccoon_dataset-master"
    for number, picture in enumerate(sorted((folder / "images").iterdir()), 1):
        labels = folder / "annotations" / f"{picture.stem}.xml"
        text = re.sub("<name>.*?</name>", "<name>raccoon</name>", labels.read_text())
        text = re.sub("<filename>.*?</filename>", f"<filename>raccoon-{number}.jpg</filename>", text)
        labels.unlink()
        (folder / "annotations" / f"raccoon-{number}.xml").write_text(text)
        picture.rename(folder / "images" / f"raccoon-{number}.jpg")
    (at / "fetched").mkdir()
    pack(at / "fetched/master", folder, folder.name)


def small_config(shared):
    text = sample_config(shared, CONFIG)
    for large, small in SMALL:
        text, count = re.subn(large, small, text)
        assert count == 1, f"{large!r} is {count} times in {CONFIG}"
    return text


def main():
    odt, page, shared = (pathlib.Path(word).resolve() for word in sys.argv[1:4])
    blocks = blocks_of(page)
    assert len(blocks) >= 6, f"{page} has {len(blocks)} blocks of commands"
    with tempfile.TemporaryDirectory() as folder:
        at = pathlib.Path(folder)
        config = small_config(shared)
        make_raccoons(odt, at)
        (at / "fetched" / CONFIG).write_text(config)
        work, said = run_blocks(blocks, odt, at / "fetched", at)
        assert re.search(r"INFO:tensorflow:global step 2: loss = \d+\.\d+ \(\d+\.\d+ sec/step\)", said), said
        for path in ("raccoon_graph/frozen_inference_graph.pb", "found/raccoon-1.jpg", "found/detections.json"):
            assert (work / path).is_file(), f"{path} is not there:\n{said}"
    print(f"{len(blocks)} blocks of commands run")


main()

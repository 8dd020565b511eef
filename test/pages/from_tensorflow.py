#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Runs odt's command of each row of the tables of docs/from_tensorflow.md, one after another, in a folder of small data
that has the names which the page uses.

usage: from_tensorflow.py ODT PAGE CONFIG     (CONFIG: examples/shapes.config)
"""
import pathlib
import re
import shutil
import sys
import tempfile

from pages import run, run_blocks


def commands_of(page):
    """The second cell of each row whose first holds commands of the API."""
    rows = re.findall(r"^\| (.*) \| `([^`|]*)` \|$", page.read_text(), re.M)
    return [command for api, command in rows if "python" in api or "tensorboard" in api or "odt" in command]


def small_pets(shapes, at):
    """One picture of a breed, as a cat's face."""
    (at / "images").mkdir(parents=True)
    (at / "annotations/xmls").mkdir(parents=True)
    picture = min((shapes / "images").iterdir())
    labels = (shapes / "annotations" / f"{picture.stem}.xml").read_text()
    names = [f"Abyssinian_{i}" for i in (1, 2, 3)]
    for name in names:
        shutil.copy(picture, at / "images" / f"{name}.jpg")
        text = re.sub("<filename>.*?</filename>", f"<filename>{name}.jpg</filename>", labels)
        (at / "annotations/xmls" / f"{name}.xml").write_text(re.sub("<name>.*?</name>", "<name>cat</name>", text))
    (at / "annotations/trainval.txt").write_text("".join(f"{name} 1 1 1\n" for name in names))


def small_voc(shapes, at):
    (at / "ImageSets/Main").mkdir(parents=True)
    shutil.copytree(shapes / "images", at / "JPEGImages")
    shutil.copytree(shapes / "annotations", at / "Annotations")
    names = sorted(path.stem for path in (shapes / "images").iterdir())
    (at / "ImageSets/Main/train.txt").write_text("".join(f"{name}\n" for name in names))


def table(shapes):
    """train_labels.csv, as xml_to_csv.py writes it."""
    rows = ["filename,width,height,class,xmin,ymin,xmax,ymax"]
    for path in sorted((shapes / "annotations").iterdir()):
        text = path.read_text()
        filename, width, height = (re.search(f"<{tag}>(.*?)<", text).group(1) for tag in ("filename", "width", "height"))
        for found in re.findall("<object>.*?</object>", text, re.S):
            cells = [re.search(f"<{tag}>(.*?)<", found).group(1) for tag in ("name", "xmin", "ymin", "xmax", "ymax")]
            rows.append(",".join([filename, width, height, *cells]))
    return "\n".join(rows) + "\n"


def small_config(text):
    text = text.replace("runs/shapes/data", "data")
    for large, small in [("height: 256 width: 256", "height: 96 width: 96"), ("batch_size: 16\n  num", "batch_size: 2\n  num"),
                         ("num_steps: 1600", "num_steps: 2")]:
        assert text.count(large) == 1, f"{large!r} is {text.count(large)} times in the config"
        text = text.replace(large, small)
    return text


def prepare(odt, config, work):
    work.mkdir()
    run([odt, "shapes", "--output", "shapes", "--count", "12", "--masks"], work)
    shapes = work / "shapes"
    small_pets(shapes, work / "pets")
    (work / "data").mkdir()
    (work / "data/pet_label_map.pbtxt").write_text("item { id: 1 name: 'Abyssinian' }\n")
    small_voc(shapes, work / "VOCdevkit/VOC2012")
    shutil.copytree(shapes / "images", work / "coco/train2017")
    shutil.copy(shapes / "instances.json", work / "coco/instances_train2017.json")
    (work / "train_labels.csv").write_text(table(shapes))
    shutil.copytree(shapes / "images", work / "images")
    for labels in (shapes / "annotations").iterdir():
        shutil.copy(labels, work / "images")
    (work / "pipeline.config").write_text(small_config(config))


def main():
    odt, page, config = (pathlib.Path(word).resolve() for word in sys.argv[1:4])
    commands = commands_of(page)
    assert len(commands) >= 15, f"{page} has {len(commands)} commands"
    with tempfile.TemporaryDirectory() as folder:
        at = pathlib.Path(folder)
        prepare(odt, config.read_text(), at / "work")
        work, said = run_blocks(commands, odt, at, at)
        for path in ("pet_data/pet_faces_train.record-00000-of-00010", "pascal/train.record", "train.record",
                     "data/val.record", "model/model.ckpt-2.index", "training/model.ckpt-2.index", "detections.json",
                     "exported/frozen_inference_graph.pb", "tflite/detect.tflite", "onnx/model.onnx"):
            assert (work / path).is_file(), f"{path} is not there:\n{said}"
    print(f"{len(commands)} commands run")


main()

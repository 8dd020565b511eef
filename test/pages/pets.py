#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Runs the commands of docs/pets.md, as they stand there, on a small tree in the place of the data set.

Where the page fetches something, it gets what is made or found here: a data set of drawn pictures, one of each breed;
the API's sample configs; a detector of four classes in the form of the model zoo's archives. `odt train` and `odt eval`
get a smaller network and image on top of the config.

usage: pets.py ODT PAGE SHARED     (SHARED: the folder of golden/ and data/; without it: status 77)
"""
import pathlib
import re
import shutil
import struct
import sys
import tempfile
import zlib

from pages import blocks_of, pack, run, run_blocks, sample_config

BREEDS = {
    "cat": "Abyssinian Bengal Birman Bombay British_Shorthair Egyptian_Mau Maine_Coon Persian Ragdoll Russian_Blue "
           "Siamese Sphynx",
    "dog": "american_bulldog american_pit_bull_terrier basset_hound beagle boxer chihuahua english_cocker_spaniel "
           "english_setter german_shorthaired great_pyrenees havanese japanese_chin keeshond leonberger "
           "miniature_pinscher newfoundland pomeranian pug saint_bernard samoyed scottish_terrier shiba_inu "
           "staffordshire_bull_terrier wheaten_terrier yorkshire_terrier",
}
SMALL = ",".join([
    "model.faster_rcnn.feature_extractor.type=faster_rcnn_inception_v2",
    "model.faster_rcnn.image_resizer.keep_aspect_ratio_resizer.min_dimension=128",
    "model.faster_rcnn.image_resizer.keep_aspect_ratio_resizer.max_dimension=192",
    "model.faster_rcnn.first_stage_max_proposals=8",
    "model.faster_rcnn.second_stage_batch_size=8",
    "model.faster_rcnn.second_stage_post_processing.batch_non_max_suppression.max_detections_per_class=8",
    "model.faster_rcnn.second_stage_post_processing.batch_non_max_suppression.max_total_detections=8",
    "train_config.num_steps=2",
])
FOUR_CLASSES = ("model.faster_rcnn.num_classes=4,label_map_path=shapes/data/label_map.pbtxt,"
                "train_input_path=shapes/data/coco_train.record-00000-of-00001,train_config.num_steps=1")
ODT = """#!/bin/sh
if [ "$1" = train ]; then set -- "$@" --threads 1 --data_threads 1 --hparams_overrides "$SMALL"; fi
exec "$ODT" "$@"
"""


def gray_png(width, lines):
    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", width, len(lines), 8, 0, 0, 0, 0))
            + chunk(b"IDAT", zlib.compress(b"".join(b"\0" + line for line in lines), 1)) + chunk(b"IEND", b""))


def trimap(width, height, left, top, right, bottom):
    """1 within the box, 2 around it."""
    pet = b"\2" * left + b"\1" * (right - left) + b"\2" * (width - right)
    return gray_png(width, [pet if top <= y < bottom else b"\2" * width for y in range(height)])


def box_of(xml):
    return [int(float(re.search(f"<{side}>([^<]+)", xml).group(1))) for side in ("xmin", "ymin", "xmax", "ymax")]


def make_pets(shapes, at):
    """images.tar.gz and annotations.tar.gz: drawn pictures under the names of breeds, three of each."""
    for folder in ("images", "annotations/xmls", "annotations/trimaps"):
        (at / folder).mkdir(parents=True)
    pictures = iter(sorted((shapes / "images").iterdir()))
    names = []
    for kind, breeds in BREEDS.items():
        for name in (f"{breed}_{i}" for breed in breeds.split() for i in (1, 2, 3)):
            picture = next(pictures)
            xml = (shapes / "annotations" / f"{picture.stem}.xml").read_text()
            width, height = (int(re.search(f"<{side}>(\\d+)", xml).group(1)) for side in ("width", "height"))
            left, top, right, bottom = box_of(xml)
            shutil.copy(picture, at / "images" / f"{name}.jpg")
            (at / "annotations/xmls" / f"{name}.xml").write_text(
                f"<annotation><filename>{name}.jpg</filename>"
                f"<size><width>{width}</width><height>{height}</height><depth>3</depth></size>"
                f"<object><name>{kind}</name><bndbox><xmin>{left}</xmin><ymin>{top}</ymin>"
                f"<xmax>{right}</xmax><ymax>{bottom}</ymax></bndbox></object></annotation>")
            (at / "annotations/trimaps" / f"{name}.png").write_bytes(
                trimap(width, height, left, top, right, bottom))
            names.append(name)
    (at / "annotations/trainval.txt").write_text("".join(f"{name} 1 1 1\n" for name in names))
    for folder in ("images", "annotations"):
        pack(at / f"{folder}.tar.gz", at / folder, folder)


def config_of(shared, name):
    """Of masks with the lines of its readers that the golden copy leaves out."""
    text = sample_config(shared, name)
    if name.startswith("mask_rcnn") and "load_instance_masks" not in text:
        text = text.replace("label_map_path:", "load_instance_masks: true mask_type: PNG_MASKS label_map_path:")
    return text


def make_zoo(odt, config, name, fetched, at):
    """A detector of four classes, trained for a step, packed as the zoo does it."""
    config = re.sub(r"(fine_tune_checkpoint|from_detection_checkpoint|load_all_detection\w+): .*", "", config)
    (at / "zoo.config").write_text(config)
    run([odt, "train", "--pipeline_config_path", "zoo.config", "--model_dir", name, "--no_eval", "--threads", "1",
         "--hparams_overrides", f"{SMALL},{FOUR_CLASSES}"], at)
    folder = at / name
    for path in folder.glob("model.ckpt-1.*"):
        path.rename(folder / path.name.replace("ckpt-1.", "ckpt."))
    (folder / "checkpoint").write_text('model_checkpoint_path: "model.ckpt"\n')
    pack(fetched / f"{name}.tar.gz", folder, name)
    shutil.rmtree(folder)


def prepare(odt, shared, text, at):
    """The folder of what the page fetches."""
    fetched = at / "fetched"
    fetched.mkdir()
    names = [url.rsplit("/", 1)[1] for url in re.findall(r"curl .*(https?://\S+)", text)]
    configs = {name: config_of(shared, name) for name in names if name.endswith(".config")}
    for name, config in configs.items():
        (fetched / name).write_text(config)
    run([odt, "shapes", "--output", at / "shapes", "--count", 3 * 37, "--masks"], at)
    make_pets(at / "shapes", fetched)
    run([odt, "convert", "coco", "--train_image_dir", "shapes/images", "--train_annotations_file",
         "shapes/instances.json", "--output_dir", "shapes/data", "--include_masks", "--num_shards", "1"], at)
    for name in names:
        kind = name[:9]  # faster_rc, mask_rcnn
        if name.endswith(".tar.gz") and name not in ("images.tar.gz", "annotations.tar.gz"):
            config = next(text for other, text in configs.items() if other[:9] == kind)
            make_zoo(odt, config, name[:-len(".tar.gz")], fetched, at)
    return fetched


def main():
    odt, page, shared = (pathlib.Path(word).resolve() for word in sys.argv[1:4])
    text = page.read_text()
    blocks = blocks_of(page)
    assert len(blocks) >= 8, f"{page} has {len(blocks)} blocks of commands"
    with tempfile.TemporaryDirectory() as folder:
        at = pathlib.Path(folder)
        fetched = prepare(odt, shared, text, at)
        work, said = run_blocks(blocks, odt, fetched, at, ODT, SMALL=SMALL)
        for line in ("NOT restored   SecondStageBoxPredictor/ClassPredictor/biases [38]", "boxes with a mask: 111",
                     " masks:"):
            assert line in said, f"{line!r} is not in\n{said}"
        for path in ("found/Abyssinian_1.jpg", "found/detections.json", "found_masks/detections.json"):
            assert (work / path).is_file(), f"{path} is not there:\n{said}"
    print(f"{len(blocks)} blocks of commands run")


main()

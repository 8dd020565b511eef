#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""pycocotools on the data of `bench_metrics --write DIR`: one line of JSON with the seconds and the twelve numbers.

The seconds are those of COCOeval's evaluate, accumulate and summarize, from loaded and indexed files to the numbers;
loading is told apart. `pip install pycocotools` first.
"""
import argparse
import contextlib
import importlib.metadata
import json
import os
import time

from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder")
    folder = parser.parse_args().folder
    marks = []
    with open(os.devnull, "w") as nothing, contextlib.redirect_stdout(nothing):
        mark = lambda: marks.append(time.perf_counter())
        mark()
        truth = COCO(os.path.join(folder, "truth.json"))
        found = truth.loadRes(os.path.join(folder, "detections.json"))
        mark()
        evaluation = COCOeval(truth, found, "bbox")
        evaluation.evaluate()
        mark()
        evaluation.accumulate()
        evaluation.summarize()
        mark()
    print(json.dumps({
        "program": "pycocotools " + importlib.metadata.version("pycocotools"), "seconds": marks[3] - marks[1],
        "evaluate_s": marks[2] - marks[1], "accumulate_s": marks[3] - marks[2], "load_s": marks[1] - marks[0],
        "summary": evaluation.stats.tolist(),
    }))


if __name__ == "__main__":
    main()

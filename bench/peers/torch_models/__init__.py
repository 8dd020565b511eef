# SPDX-License-Identifier: MIT
"""The models of bench/train_step_detector.hpp in PyTorch."""
from dataclasses import dataclass
from typing import Callable

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from .backbones import InceptionV2, MobilenetV1, MobilenetV2, Resnet50V1
from .heads import SeparateHeads, SharedHeads
from .necks import FPN, PPN, ExtraLayers
from .two_stage import inception_v2, resnet


class SSD(nn.Module):
    """Images to box encodings and class logits."""

    def __init__(self, backbone, neck, heads):
        super().__init__()
        self.backbone, self.neck, self.heads = backbone, neck, heads

    def forward(self, x):
        return self.heads(self.neck(self.backbone(x)))


def multi_resolution(backbone, slots, kernel, separable=False):
    neck = ExtraLayers(backbone.channels, separable)
    return SSD(backbone, neck, SeparateHeads(neck.channels, slots, kernel, separable))


def pyramid(backbone, slots, depth=256, separable=False):
    neck = FPN(backbone.channels, depth, separable)
    return SSD(backbone, neck, SharedHeads(neck.channels, slots, depth, separable=separable, one_tower=separable))


def pooling_pyramid(backbone, slots):
    neck = PPN(backbone.channels)
    return SSD(backbone, neck, SharedHeads(neck.channels, slots, depth=512, layers=1, kernel=1, one_tower=True))


@dataclass
class Model:
    make: Callable  # of the number of class slots, background included
    focal: bool = False  # the loss; else the sigmoid one with mined negatives
    two_stage: bool = False  # the network has its losses in itself


MODELS = {
    "ssd_mobilenet_v1": Model(lambda slots: multi_resolution(MobilenetV1((11, 13)), slots, 1)),
    "ssd_inception_v2": Model(lambda slots: multi_resolution(InceptionV2(), slots, 3)),
    "ssd_mobilenet_v2": Model(lambda slots: multi_resolution(MobilenetV2((15, 19), widened=True), slots, 1)),
    "ssdlite_mobilenet_v2": Model(lambda slots: multi_resolution(MobilenetV2((15, 19), widened=True), slots, 3, True)),
    "ssd_mobilenet_v1_fpn": Model(lambda slots: pyramid(MobilenetV1((5, 11, 13)), slots), True),
    "ssd_mobilenet_v2_fpnlite": Model(lambda slots: pyramid(MobilenetV2((7, 14, 19), 256), slots, 128, True), True),
    "ssd_resnet50_v1_fpn": Model(lambda slots: pyramid(Resnet50V1(), slots), True),
    "ssd_mobilenet_v1_ppn": Model(lambda slots: pooling_pyramid(MobilenetV1((11,)), slots)),
    "faster_rcnn_resnet50": Model(lambda slots: resnet((3, 4, 6, 3), slots), two_stage=True),
    "faster_rcnn_resnet101": Model(lambda slots: resnet((3, 4, 23, 3), slots), two_stage=True),
    "faster_rcnn_inception_v2": Model(inception_v2, two_stage=True),
}


def parameter_count(network):
    return sum(p.numel() for p in network.parameters())


def multiply_adds(network, height, width):
    """Of the forward pass of one image, as PyTorch counts them."""
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        network.eval()(torch.zeros(1, 3, height, width))
    return counter.get_total_flops() // 2

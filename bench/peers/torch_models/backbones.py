# SPDX-License-Identifier: MIT
"""Classifiers without their heads. Each gives the maps that necks go on from, of `channels`, finest first."""
import torch
from torch import nn
from torch.nn import functional as F

from .layers import Conv, SameConv2d, max_pool


def tapped(layers, taps, x):
    """The outputs of the layers of those numbers; those behind the last of them run too, for their statistics."""
    maps = []
    for number, layer in enumerate(layers):
        x = layer(x)
        if number in taps:
            maps.append(x)
    return maps


class MobilenetV1(nn.Module):
    """`taps` are numbers of the pairs of a depthwise and a 1x1 convolution."""

    PAIRS = [(64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2), (512, 1),
             (512, 1), (512, 1), (512, 1), (512, 1), (1024, 2), (1024, 1)]

    def __init__(self, taps):
        super().__init__()
        layers, channels = [Conv(3, 32, 3, 2)], 32
        for width, stride in self.PAIRS:
            layers.append(nn.Sequential(Conv(channels, channels, 3, stride, channels), Conv(channels, width)))
            channels = width
        self.layers, self.taps, self.channels = nn.ModuleList(layers), taps, [self.PAIRS[tap - 1][0] for tap in taps]

    def forward(self, x):
        return tapped(self.layers, self.taps, x)


class InvertedResidual(nn.Module):
    def __init__(self, cin, cout, stride, expansion):
        super().__init__()
        wide = cin * expansion
        self.expand = Conv(cin, wide) if expansion > 1 else nn.Identity()
        self.narrow = nn.Sequential(Conv(wide, wide, 3, stride, wide), Conv(wide, cout, linear=True))
        self.adds = stride == 1 and cin == cout

    def forward(self, x):
        """Its output, and its widened input."""
        wide = self.expand(x)
        y = self.narrow(wide)
        return (x + y if self.adds else y), wide


class MobilenetV2(nn.Module):
    """`taps` are numbers of the API's layers: 1 is the first convolution, 19 the last one; with `widened`, of the first
    tap the widened input."""

    BLOCKS = [(16, 1), (24, 2), (24, 1), (32, 2), (32, 1), (32, 1), (64, 2), (64, 1), (64, 1),
              (64, 1), (96, 1), (96, 1), (96, 1), (160, 2), (160, 1), (160, 1), (320, 1)]

    def __init__(self, taps, top=1280, widened=False):
        super().__init__()
        blocks, channels, widths, wide = [], 32, {1: 32, 19: top}, {}
        for number, (width, stride) in enumerate(self.BLOCKS, 2):
            blocks.append(InvertedResidual(channels, width, stride, 1 if number == 2 else 6))
            widths[number], wide[number], channels = width, channels * 6, width
        self.first, self.blocks, self.top = Conv(3, 32, 3, 2), nn.ModuleList(blocks), Conv(320, top)
        self.taps, self.widened = taps, taps[0] if widened else 0
        self.channels = [wide[tap] if tap == self.widened else widths[tap] for tap in taps]

    def forward(self, x):
        maps, x = [], self.first(x)
        for number, block in enumerate(self.blocks, 2):
            x, wide = block(x)
            if number in self.taps:
                maps.append(wide if number == self.widened else x)
        return [*maps, self.top(x)]


class Bottleneck(nn.Module):
    def __init__(self, cin, depth, stride=1):
        super().__init__()
        self.branch = nn.Sequential(Conv(cin, depth, eps=1e-5), Conv(depth, depth, 3, stride, eps=1e-5),
                                    Conv(depth, 4 * depth, linear=True, eps=1e-5))
        subsample = nn.MaxPool2d(1, stride) if stride > 1 else nn.Identity()
        self.shortcut = subsample if cin == 4 * depth else Conv(cin, 4 * depth, stride=stride, linear=True, eps=1e-5)

    def forward(self, x):
        return F.relu(self.shortcut(x) + self.branch(x), inplace=True)


class Resnet50V1(nn.Module):
    """Gives the last three of its four blocks, whose every second pixel the next block takes."""

    def __init__(self):
        super().__init__()
        self.first, blocks, channels = Conv(3, 64, 7, 2, eps=1e-5), [], 64
        self.first.conv = nn.Conv2d(3, 64, 7, 2, 3, bias=False)
        for depth, units in ((64, 3), (128, 4), (256, 6), (512, 3)):
            widths = [channels] + [4 * depth] * (units - 1)
            blocks.append(nn.Sequential(*(Bottleneck(width, depth) for width in widths)))
            channels = 4 * depth
        self.blocks, self.channels = nn.ModuleList(blocks), [512, 1024, 2048]

    def forward(self, x):
        maps = [self.blocks[0](max_pool(self.first(x)))]
        for block in self.blocks[1:]:
            maps.append(block(max_pool(maps[-1], 1, 2)))
        return maps[1:]


class SeparableStem(nn.Module):
    def __init__(self):
        super().__init__()
        self.first = nn.Sequential(SameConv2d(3, 24, 7, 2, groups=3, bias=False), Conv(24, 64))
        self.rest = nn.Sequential(Conv(64, 64), Conv(64, 192, 3))

    def forward(self, x):
        return max_pool(self.rest(max_pool(self.first(x))))


class Mixed(nn.Module):
    def __init__(self, cin, direct, single, twice, projected, maximum=False):
        super().__init__()
        pool = nn.MaxPool2d(3, 1, 1) if maximum else nn.AvgPool2d(3, 1, 1, count_include_pad=False)
        self.branches = nn.ModuleList([
            Conv(cin, direct), nn.Sequential(Conv(cin, single[0]), Conv(single[0], single[1], 3)),
            nn.Sequential(Conv(cin, twice[0]), Conv(twice[0], twice[1], 3), Conv(twice[1], twice[1], 3)),
            nn.Sequential(pool, Conv(cin, projected))])

    def forward(self, x):
        return torch.cat([branch(x) for branch in self.branches], 1)


class Reduction(nn.Module):
    def __init__(self, cin, single, twice):
        super().__init__()
        self.branches = nn.ModuleList([
            nn.Sequential(Conv(cin, single[0]), Conv(single[0], single[1], 3, 2)),
            nn.Sequential(Conv(cin, twice[0]), Conv(twice[0], twice[1], 3), Conv(twice[1], twice[1], 3, 2))])

    def forward(self, x):
        return torch.cat([*(branch(x) for branch in self.branches), max_pool(x)], 1)


class InceptionV2(nn.Module):
    def __init__(self):
        super().__init__()
        self.blocks = nn.ModuleList([
            SeparableStem(), Mixed(192, 64, (64, 64), (64, 96), 32), Mixed(256, 64, (64, 96), (64, 96), 64),
            Reduction(320, (128, 160), (64, 96)),
            Mixed(576, 224, (64, 96), (96, 128), 128), Mixed(576, 192, (96, 128), (96, 128), 128),
            Mixed(576, 160, (128, 160), (128, 160), 96), Mixed(576, 96, (128, 192), (160, 192), 96),
            Reduction(576, (128, 192), (192, 256)),
            Mixed(1024, 352, (192, 320), (160, 224), 128), Mixed(1024, 352, (192, 320), (192, 224), 128, True)])
        self.channels = [576, 1024]

    def forward(self, x):
        return tapped(self.blocks, (5, 10), x)

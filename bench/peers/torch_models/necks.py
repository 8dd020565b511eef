# SPDX-License-Identifier: MIT
"""From a backbone's maps to those that boxes are predicted from, of `channels`, finest first."""
from torch import nn
from torch.nn import functional as F

from .layers import BatchNorm, Conv, SameConv2d, convolution, max_pool


class ExtraLayers(nn.Module):
    """SSD's: four coarser maps behind the last one."""

    def __init__(self, channels, separable=False):
        super().__init__()
        self.channels, layers = list(channels), []
        for width in (512, 256, 256, 128):
            half = width // 2
            stride_2 = [Conv(half, half, 3, 2, half), Conv(half, width)] if separable else [Conv(half, width, 3, 2)]
            layers.append(nn.Sequential(Conv(self.channels[-1], half), *stride_2))
            self.channels.append(width)
        self.layers = nn.ModuleList(layers)

    def forward(self, maps):
        maps = list(maps)
        for layer in self.layers:
            maps.append(layer(maps[-1]))
        return maps


class Smoothing(nn.Module):
    """3x3, batch norm and ReLU6."""

    def __init__(self, depth, stride, separable):
        super().__init__()
        self.conv = convolution(depth, depth, 3, stride, separable)
        self.norm = BatchNorm(depth, eps=1e-3, momentum=0.003)

    def forward(self, x):
        return F.relu6(self.norm(self.conv(x)), inplace=True)


class FPN(nn.Module):
    """A feature pyramid on levels 3 to 5, with levels 6 and 7 behind it."""

    def __init__(self, channels, depth=256, separable=False):
        super().__init__()
        self.projections = nn.ModuleList(SameConv2d(c, depth, 1) for c in channels)
        self.smoothings = nn.ModuleList(Smoothing(depth, 1, separable) for _ in channels[:-1])
        self.coarser = nn.ModuleList(Smoothing(depth, 2, separable) for _ in range(2))
        self.channels = [depth] * (len(channels) + 2)

    def forward(self, maps):
        x = self.projections[-1](maps[-1])
        pyramid = [x]
        for projection, smoothing, finer in zip(self.projections[-2::-1], self.smoothings[::-1], maps[-2::-1]):
            enlarged = F.interpolate(x, scale_factor=2, mode="nearest")[:, :, :finer.shape[2], :finer.shape[3]]
            x = enlarged + projection(finer)
            pyramid.insert(0, smoothing(x))
        for smoothing in self.coarser:
            pyramid.append(smoothing(pyramid[-1]))
        return pyramid


class PPN(nn.Module):
    """A pooling pyramid: max pools of one map."""

    def __init__(self, channels):
        super().__init__()
        self.channels = channels * 6

    def forward(self, maps):
        maps = list(maps)
        while len(maps) < len(self.channels):
            maps.append(max_pool(maps[-1], 2, 2))
        return maps

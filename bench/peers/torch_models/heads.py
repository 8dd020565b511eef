# SPDX-License-Identifier: MIT
"""From feature maps to box encodings [batch, boxes, 4] and class logits [batch, boxes, slots]."""
import torch
from torch import nn
from torch.nn import functional as F

from .layers import BatchNorm, Conv, SameConv2d, convolution

CODE = 4


def rows(maps, columns):
    return torch.cat([m.permute(0, 2, 3, 1).reshape(m.shape[0], -1, columns) for m in maps], 1)


class SeparateHeads(nn.Module):
    """SSD's: two convolutions a map; separable ones have a batch norm and ReLU6 between."""

    BOXES = [3, 6, 6, 6, 6, 6]

    def __init__(self, channels, slots, kernel=1, separable=False):
        super().__init__()

        def head(c, outputs):
            if not separable:
                return SameConv2d(c, outputs, kernel)
            return nn.Sequential(Conv(c, c, kernel, groups=c), SameConv2d(c, outputs, 1))

        heads = lambda columns: nn.ModuleList(head(c, n * columns) for c, n in zip(channels, self.BOXES))
        self.slots, self.encodings, self.logits = slots, heads(CODE), heads(slots)

    def forward(self, maps):
        return (rows([head(m) for head, m in zip(self.encodings, maps)], CODE),
                rows([head(m) for head, m in zip(self.logits, maps)], self.slots))


class Tower(nn.Module):
    """Convolutions that all maps share, with batch norms of each map's own."""

    def __init__(self, maps, cin, depth, layers, kernel, separable):
        super().__init__()
        self.convolutions = nn.ModuleList(
            convolution(cin if i == 0 else depth, depth, kernel, separable=separable) for i in range(layers))
        self.norms = nn.ModuleList(
            nn.ModuleList(BatchNorm(depth, eps=1e-3, momentum=0.003) for _ in range(layers)) for _ in range(maps))

    def forward(self, x, level):
        for conv, norm in zip(self.convolutions, self.norms[level]):
            x = F.relu6(norm(conv(x)), inplace=True)
        return x


class SharedHeads(nn.Module):
    """RetinaNet's: towers and heads that all maps share."""

    def __init__(self, channels, slots, depth=256, layers=4, kernel=3, separable=False, one_tower=False):
        super().__init__()
        tower = lambda: Tower(len(channels), channels[0], depth, layers, kernel, separable)
        self.box_tower = tower()
        self.class_tower = None if one_tower else tower()
        self.slots, self.encodings = slots, convolution(depth, 6 * CODE, kernel, separable=separable, bias=True)
        self.logits = convolution(depth, 6 * slots, kernel, separable=separable, bias=True)
        nn.init.constant_((self.logits[-1] if separable else self.logits).bias, -4.6)

    def forward(self, maps):
        encodings, logits = [], []
        for level, x in enumerate(maps):
            features = self.box_tower(x, level)
            encodings.append(self.encodings(features))
            logits.append(self.logits(features if self.class_tower is None else self.class_tower(x, level)))
        return rows(encodings, CODE), rows(logits, self.slots)

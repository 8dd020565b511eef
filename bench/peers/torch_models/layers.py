# SPDX-License-Identifier: MIT
"""What all the networks are made of."""
import torch
from torch import nn
from torch.nn import functional as F


def same(size, kernel, stride):
    """TensorFlow's SAME padding of one side: before, after."""
    total = max((-(-size // stride) - 1) * stride + kernel - size, 0)
    return total // 2, total - total // 2


def pad_unevenly(x, kernel, stride, value=0.0):
    """Pads for SAME if that is uneven; the image and the padding that is left to the window itself."""
    rows, columns = same(x.shape[2], kernel, stride), same(x.shape[3], kernel, stride)
    if rows[0] == rows[1] and columns[0] == columns[1]:
        return x, (rows[0], columns[0])
    return F.pad(x, columns + rows, value=value), (0, 0)


def max_pool(x, kernel=3, stride=2):
    x, padding = pad_unevenly(x, kernel, stride, float("-inf"))
    return F.max_pool2d(x, kernel, stride, padding)


class SameConv2d(nn.Conv2d):
    """nn.Conv2d with TensorFlow's SAME padding."""

    def forward(self, x):
        x, padding = pad_unevenly(x, self.kernel_size[0], self.stride[0])
        return F.conv2d(x, self.weight, self.bias, self.stride, padding, 1, self.groups)


class BatchNorm(nn.BatchNorm2d):
    """Trains also on one value a channel (batch 1, the last maps), which nn.BatchNorm2d refuses."""

    frozen = False  # in training as in evaluation

    def train(self, mode=True):
        return super().train(mode and not self.frozen)

    def forward(self, x):
        if not self.training or x.numel() > x.shape[1]:
            return super().forward(x)
        return torch.batch_norm(x, self.weight, self.bias, self.running_mean, self.running_var, True, self.momentum,
                                self.eps, torch.backends.cudnn.enabled)


class Conv(nn.Module):
    """Convolution, batch norm, and ReLU6 unless it is linear."""

    act = staticmethod(F.relu6)

    def __init__(self, cin, cout, kernel=1, stride=1, groups=1, linear=False, eps=1e-3):
        super().__init__()
        self.conv = SameConv2d(cin, cout, kernel, stride, groups=groups, bias=False)
        self.norm, self.linear = BatchNorm(cout, eps=eps, momentum=0.03), linear

    def forward(self, x):
        x = self.norm(self.conv(x))
        return x if self.linear else self.act(x, inplace=True)


def convolution(cin, cout, kernel, stride=1, separable=False, bias=False):
    """A convolution alone, or the depthwise and the 1x1 that stand for it."""
    if not separable:
        return SameConv2d(cin, cout, kernel, stride, bias=bias)
    depthwise = SameConv2d(cin, cin, kernel, stride, groups=cin, bias=False)
    return nn.Sequential(depthwise, SameConv2d(cin, cout, 1, bias=bias))

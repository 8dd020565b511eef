# SPDX-License-Identifier: MIT
"""Faster R-CNN on one map of stride 16: region proposals, crops, and a second stage of their own."""
import math

import torch
from torch import nn
from torch.nn import functional as F

from .backbones import Bottleneck, InceptionV2
from .layers import BatchNorm, Conv, SameConv2d, max_pool

try:
    from torchvision import ops
except ImportError:  # only these models need it
    ops = None

STRIDE, SCALES, RATIOS = 16, (64, 128, 256, 512), (0.5, 1.0, 2.0)
PROPOSALS, BEFORE_NMS, DETECTIONS = 300, 6000, 300
FIRST_SAMPLE, SECOND_SAMPLE = (256, 0.5), (64, 0.25)
LOCALIZATION_WEIGHT = 2.0


def freeze_norms(network):
    """ReLU, and batch norms that use their moving averages in training too."""
    for module in network.modules():
        if isinstance(module, BatchNorm):
            module.frozen = True
        elif isinstance(module, Conv):
            module.act = F.relu
    return network


def resnet_block(cin, depth, units, stride):
    """Units one behind the other, the last with the stride."""
    widths = [cin] + [4 * depth] * (units - 1)
    return nn.Sequential(*(Bottleneck(w, depth, stride if u == units else 1) for u, w in enumerate(widths, 1)))


class ResnetMap(nn.Module):
    """Up to block3; block4 is there, as in the API, and nothing reads it."""

    def __init__(self, units):
        super().__init__()
        self.first = Conv(3, 64, 7, 2, eps=1e-5)
        self.first.conv = nn.Conv2d(3, 64, 7, 2, 3, bias=False)
        self.blocks = nn.Sequential(resnet_block(64, 64, units[0], 2), resnet_block(256, 128, units[1], 2),
                                    resnet_block(512, 256, units[2], 1))
        self.unread = resnet_block(1024, 512, units[3], 1)

    def forward(self, x):
        return self.blocks(max_pool(self.first(x)))


def boxes_of(centers, sizes):
    return torch.cat([centers - sizes / 2, centers + sizes / 2], -1)


def make_anchors(height, width, device):
    """[cells * 12, 4] in pixels: ymin, xmin, ymax, xmax."""
    sizes = [(s / math.sqrt(r), s * math.sqrt(r)) for r in RATIOS for s in SCALES]
    rows, columns = torch.arange(height, device=device) * STRIDE, torch.arange(width, device=device) * STRIDE
    centers = torch.stack(torch.meshgrid(rows, columns, indexing="ij"), 2).reshape(-1, 1, 2).float()
    return boxes_of(centers, torch.tensor(sizes, device=device)[None]).reshape(-1, 4)


def decode(codes, anchors):
    size, center = anchors[..., 2:] - anchors[..., :2], (anchors[..., 2:] + anchors[..., :2]) / 2
    return boxes_of(codes[..., :2] / 10 * size + center, torch.exp(codes[..., 2:] / 5) * size)


def encode(boxes, anchors):
    size, anchor_size = boxes[:, 2:] - boxes[:, :2], (anchors[:, 2:] - anchors[:, :2]).clamp(min=1e-8)
    shift = (boxes[:, :2] + boxes[:, 2:] - anchors[:, :2] - anchors[:, 2:]) / 2 / anchor_size
    return torch.cat([shift * 10, torch.log(size / anchor_size) * 5], 1)


def clip(boxes, height, width):
    return torch.stack([boxes[..., k].clamp(0, (height, width)[k % 2]) for k in range(4)], -1)


def sample(positive, negative, how):
    """Numbers of at most size * share positives, and of negatives up to the size."""
    size, share = how
    some = lambda mask, most: (n := mask.nonzero()[:, 0])[torch.randperm(len(n), device=n.device)[:most]]
    positives = some(positive, int(size * share))
    return torch.cat([positives, some(negative, size - len(positives))])


def crop(maps, boxes, size=14):
    """Bilinear samples of [images, channels, h, w] in normalized [images, n, 4]: [images * n, channels, size, size]."""
    images, n = boxes.shape[:2]
    parts = math.gcd(n, torch.get_num_threads())  # grid_sample is parallel over its images
    steps = torch.linspace(0, 1, size, device=boxes.device)
    along = lambda low, high: 2 * (boxes[..., low, None] + (boxes[..., high] - boxes[..., low])[..., None] * steps) - 1
    y, x = along(0, 2)[..., :, None].expand(-1, -1, -1, size), along(1, 3)[..., None, :].expand(-1, -1, size, -1)
    grid = torch.stack([x, y], -1).reshape(images * parts, -1, size, 2)
    repeated = maps.repeat_interleave(parts, 0).contiguous()  # in this layout grid_sample is the quicker
    crops = F.grid_sample(repeated, grid, align_corners=True).unflatten(2, (n // parts, size))
    return crops.transpose(1, 2).flatten(0, 1).contiguous(memory_format=torch.channels_last)


class FasterRCNN(nn.Module):
    """In training images, their boxes (normalized) and classes to the sum of the losses; else images to detections."""

    def __init__(self, first, second, channels, depth, slots):
        super().__init__()
        self.first, self.second = freeze_norms(first), freeze_norms(second)
        cell = len(SCALES) * len(RATIOS)
        self.rpn, self.rpn_codes = SameConv2d(channels, 512, 3), SameConv2d(512, 4 * cell, 1)
        self.objectness = SameConv2d(512, 2 * cell, 1)
        self.codes, self.logits = nn.Linear(depth, 4 * (slots - 1)), nn.Linear(depth, slots)

    def compile_networks(self):
        self.first.compile()
        self.second.compile()

    def forward(self, images, boxes=None, classes=None):
        height, width = images.shape[2:]
        maps = self.first(images)
        x = F.relu6(self.rpn(maps))
        rows = lambda y, columns: y.permute(0, 2, 3, 1).reshape(len(images), -1, columns).float()
        codes, objectness = rows(self.rpn_codes(x), 4), rows(self.objectness(x), 2)
        anchors = make_anchors(*maps.shape[2:], images.device)
        inside = ((anchors[:, :2] >= 0).all(1) & (anchors[:, 2] <= height) & (anchors[:, 3] <= width)).nonzero()[:, 0]
        if self.training:
            codes, objectness, anchors = codes[:, inside], objectness[:, inside], anchors[inside]
        else:
            anchors = clip(anchors, height, width)
        scale = torch.tensor([height, width, height, width], device=images.device)
        proposals = torch.stack([self.propose(c, o, anchors, height, width) for c, o in zip(codes, objectness)])
        if not self.training:
            return self.detect(self.look(maps, proposals / scale), proposals, height, width)
        truth = boxes * scale
        taken = [self.take(p, t) for p, t in zip(proposals, truth)]
        predicted = self.look(maps, torch.stack([t[0] for t in taken]) / scale)
        loss = 0
        for i, (own, row) in enumerate(taken):
            loss = loss + first_loss(codes[i], objectness[i], anchors, truth[i])
            loss = loss + second_loss(*(p.unflatten(0, (len(images), -1))[i] for p in predicted), own, row, truth[i],
                                      classes[i])
        return loss / len(images)

    @torch.no_grad()
    def propose(self, codes, objectness, anchors, height, width):
        """The best proposals of an image, zeros behind them."""
        scores, best = objectness.softmax(1)[:, 1].topk(min(BEFORE_NMS, len(anchors)))
        boxes = decode(codes[best], anchors[best])
        boxes = clip(boxes[ops.nms(boxes, scores, 0.7)[:PROPOSALS]], height, width)
        return F.pad(boxes, (0, 0, 0, PROPOSALS - len(boxes)))

    @torch.no_grad()
    def take(self, proposals, truth):
        """Those that the second stage is trained with, and the row of each one's box; -1: none."""
        best, row = ops.box_iou(truth, proposals).max(0)
        taken = sample(best >= 0.5, best < 0.5, SECOND_SAMPLE)
        return proposals[taken], torch.where(best >= 0.5, row, -1)[taken]

    def look(self, maps, boxes):
        """Box codes of each class and class logits."""
        features = self.second(max_pool(crop(maps, boxes), 2, 2)).mean((2, 3))
        return self.codes(features).unflatten(1, (-1, 4)).float(), self.logits(features).float()

    def detect(self, predicted, proposals, height, width):
        found = []
        for codes, logits, own in zip(*(p.unflatten(0, (len(proposals), -1)) for p in predicted), proposals):
            scores = logits.softmax(1)[:, 1:]
            boxes = clip(decode(codes, own[:, None]), height, width).flatten(0, 1)
            labels = torch.arange(scores.shape[1], device=scores.device).repeat(len(scores))
            kept = ops.batched_nms(boxes, scores.flatten(), labels, 0.6)[:DETECTIONS]
            found.append((boxes[kept], scores.flatten()[kept], labels[kept]))
        return found


def first_loss(codes, objectness, anchors, truth):
    with torch.no_grad():
        overlap = ops.box_iou(truth, anchors)
        best, row = overlap.max(0)
        positive, negative = best >= 0.7, best < 0.3
        favourite = overlap.argmax(1)
        row[favourite], positive[favourite] = torch.arange(len(truth), device=row.device), True
        taken = sample(positive, negative & ~positive, FIRST_SAMPLE)
        targets = encode(truth[row[taken]], anchors[taken])
    classification = F.cross_entropy(objectness[taken], positive[taken].long())
    localization = F.smooth_l1_loss(codes[taken], targets, reduction="none").sum(1)
    return classification + LOCALIZATION_WEIGHT * (localization * positive[taken]).sum() / max(len(taken), 1)


def second_loss(codes, logits, proposals, row, truth, classes):
    positive, box = row >= 0, row.clamp(min=0)
    label = classes[box]
    own = codes[torch.arange(len(codes), device=codes.device), label]
    localization = F.smooth_l1_loss(own, encode(truth[box], proposals), reduction="none").sum(1)
    localization = torch.where(positive, localization, 0.0)  # a padding proposal has no code
    classification = F.cross_entropy(logits, torch.where(positive, label + 1, 0))
    return classification + LOCALIZATION_WEIGHT * localization.sum() / len(row)


def resnet(units, slots):
    return FasterRCNN(ResnetMap(units), resnet_block(1024, 512, 3, 1), 1024, 2048, slots)


def inception_v2(slots):
    blocks = InceptionV2().blocks
    return FasterRCNN(nn.Sequential(*blocks[:8]), nn.Sequential(*blocks[8:]), 576, 1024, slots)

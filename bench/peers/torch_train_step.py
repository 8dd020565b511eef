#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The train step of odt's benchmark in PyTorch: the same network, losses, optimizer, batch and random data.

Prints one line of JSON with the fields of bench_train_step. `pip install torch` (the CPU build suffices) first; the
fair setting for a CPU is
  MALLOC_MMAP_MAX_=0 MALLOC_TRIM_THRESHOLD_=20000000000 GLIBC_TUNABLES=glibc.malloc.hugetlb=1
"""
import argparse
import json
import statistics
import time

import torch
from torch import nn
from torch.nn import functional as F

BOXES_PER_CELL = [3, 6, 6, 6, 6, 6]
CODE = 4


def memory_mb(field):
    """VmRSS or VmHWM of this process, in MB of 10^6 bytes."""
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) * 1024 / 1e6 for line in status if line.startswith(field))


class MemoryGrowth:
    """How much the resident memory grew, at its highest, since this was made."""

    def __init__(self):
        with open("/proc/self/clear_refs", "w") as refs:
            refs.write("5")  # the highest so far is forgotten
        self.before = memory_mb("VmRSS")

    def mb(self):
        return memory_mb("VmHWM") - self.before


class BatchNorm(nn.BatchNorm2d):
    """Trains also on one value a channel (batch 1, the last maps), which nn.BatchNorm2d refuses."""

    def forward(self, x):
        if not self.training or x.numel() > x.shape[1]:
            return super().forward(x)
        return torch.batch_norm(x, self.weight, self.bias, self.running_mean, self.running_var, True, self.momentum,
                                self.eps, torch.backends.cudnn.enabled)


class Conv(nn.Module):
    """Convolution with TensorFlow's SAME padding, batch norm and ReLU6."""

    def __init__(self, cin, cout, kernel=1, stride=1, groups=1, activate=True):
        super().__init__()
        self.kernel, self.stride = kernel, stride
        self.conv = nn.Conv2d(cin, cout, kernel, stride, groups=groups, bias=not activate,
                              padding=kernel // 2 if stride == 1 else 0)
        self.norm = BatchNorm(cout, eps=1e-3, momentum=0.03) if activate else None

    def forward(self, x):
        if self.stride > 1 and self.kernel > 1:
            x = F.pad(x, self.same(x.shape[3]) + self.same(x.shape[2]))
        x = self.conv(x)
        return x if self.norm is None else F.relu6(self.norm(x), inplace=True)

    def same(self, size):
        total = max((-(-size // self.stride) - 1) * self.stride + self.kernel - size, 0)
        return (total // 2, total - total // 2)


class MobilenetV1(nn.Module):
    PAIRS = [(64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2), (512, 1),
             (512, 1), (512, 1), (512, 1), (512, 1), (1024, 2), (1024, 1)]

    def __init__(self):
        super().__init__()
        layers, channels = [Conv(3, 32, 3, 2)], 32
        for width, stride in self.PAIRS:
            layers.append(nn.Sequential(Conv(channels, channels, 3, stride, channels), Conv(channels, width)))
            channels = width
        self.layers, self.taps, self.channels = nn.ModuleList(layers), {11, 13}, [512, 1024]

    def forward(self, x):
        maps = []
        for i, layer in enumerate(self.layers):
            x = layer(x)
            if i in self.taps:
                maps.append(x)
        return maps


class SeparableStem(nn.Module):
    def __init__(self):
        super().__init__()
        self.depthwise = nn.Conv2d(3, 24, 7, 2, groups=3, bias=False)
        self.pointwise = Conv(24, 64)
        self.rest = nn.ModuleList([Conv(64, 64), Conv(64, 192, 3)])

    def forward(self, x):
        total = max((-(-x.shape[2] // 2) - 1) * 2 + 7 - x.shape[2], 0)
        pad = (total // 2, total - total // 2)
        x = pool_same(self.pointwise(self.depthwise(F.pad(x, pad + pad))))
        for layer in self.rest:
            x = layer(x)
        return pool_same(x)


def pool_same(x):
    total = max((-(-x.shape[2] // 2) - 1) * 2 + 3 - x.shape[2], 0)
    pad = (total // 2, total - total // 2)
    return F.max_pool2d(F.pad(x, pad + pad, value=float("-inf")), 3, 2)


class Mixed(nn.Module):
    def __init__(self, cin, direct, single, twice, projected, maximum=False):
        super().__init__()
        self.b0 = Conv(cin, direct)
        self.b1 = nn.Sequential(Conv(cin, single[0]), Conv(single[0], single[1], 3))
        self.b2 = nn.Sequential(Conv(cin, twice[0]), Conv(twice[0], twice[1], 3), Conv(twice[1], twice[1], 3))
        pool = nn.MaxPool2d(3, 1, 1) if maximum else nn.AvgPool2d(3, 1, 1, count_include_pad=False)
        self.b3 = nn.Sequential(pool, Conv(cin, projected))
        self.channels = direct + single[1] + twice[1] + projected

    def forward(self, x):
        return torch.cat([self.b0(x), self.b1(x), self.b2(x), self.b3(x)], 1)


class Reduction(nn.Module):
    def __init__(self, cin, single, twice):
        super().__init__()
        self.b0 = nn.Sequential(Conv(cin, single[0]), Conv(single[0], single[1], 3, 2))
        self.b1 = nn.Sequential(Conv(cin, twice[0]), Conv(twice[0], twice[1], 3), Conv(twice[1], twice[1], 3, 2))
        self.channels = single[1] + twice[1] + cin

    def forward(self, x):
        return torch.cat([self.b0(x), self.b1(x), pool_same(x)], 1)


class InceptionV2(nn.Module):
    def __init__(self):
        super().__init__()
        blocks = [SeparableStem(), Mixed(192, 64, (64, 64), (64, 96), 32), Mixed(256, 64, (64, 96), (64, 96), 64),
                  Reduction(320, (128, 160), (64, 96)),
                  Mixed(576, 224, (64, 96), (96, 128), 128), Mixed(576, 192, (96, 128), (96, 128), 128),
                  Mixed(576, 160, (128, 160), (128, 160), 96), Mixed(576, 96, (128, 192), (160, 192), 96),
                  Reduction(576, (128, 192), (192, 256)),
                  Mixed(1024, 352, (192, 320), (160, 224), 128), Mixed(1024, 352, (192, 320), (192, 224), 128, True)]
        self.blocks, self.taps, self.channels = nn.ModuleList(blocks), {5, 10}, [576, 1024]

    def forward(self, x):
        maps = []
        for i, block in enumerate(self.blocks):
            x = block(x)
            if i in self.taps:
                maps.append(x)
        return maps


class SSD(nn.Module):
    def __init__(self, base, slots, head_kernel):
        super().__init__()
        self.base, self.slots = base, slots
        channels, extras = list(base.channels), []
        for width in (512, 256, 256, 128):
            extras.append(nn.Sequential(Conv(channels[-1], width // 2), Conv(width // 2, width, 3, 2)))
            channels.append(width)
        self.extras = nn.ModuleList(extras)
        head = lambda columns: nn.ModuleList(
            Conv(c, n * columns, head_kernel, activate=False) for c, n in zip(channels, BOXES_PER_CELL))
        self.encodings, self.logits = head(CODE), head(slots)

    def forward(self, x):
        maps = self.base(x)
        for extra in self.extras:
            maps.append(extra(maps[-1]))
        gather = lambda heads, columns: torch.cat(
            [h(m).permute(0, 2, 3, 1).reshape(x.shape[0], -1, columns) for h, m in zip(heads, maps)], 1)
        return gather(self.encodings, CODE), gather(self.logits, self.slots)


def iou(boxes, anchors):
    """[batch, boxes, anchors]"""
    low = torch.maximum(boxes[:, :, None, :2], anchors[None, None, :, :2])
    high = torch.minimum(boxes[:, :, None, 2:], anchors[None, None, :, 2:])
    overlap = (high - low).clamp(min=0).prod(3)
    area = lambda b: (b[..., 2:] - b[..., :2]).prod(-1)
    return overlap / (area(boxes)[:, :, None] + area(anchors)[None, None] - overlap)


def targets(anchors, boxes, classes, slots):
    """Argmax matching with force match, and faster_rcnn encoding, for all images of a batch at once."""
    similarity = iou(boxes, anchors)
    best, row = similarity.max(1)
    row = torch.where(best >= 0.5, row, -1)
    numbers = torch.arange(boxes.shape[1], device=boxes.device).expand(boxes.shape[0], -1)
    row = row.scatter(1, similarity.argmax(2), numbers)
    positive = row >= 0
    index = row.clamp(min=0)
    matched = boxes.gather(1, index[..., None].expand(-1, -1, 4))
    size, anchor_size = matched[..., 2:] - matched[..., :2], anchors[:, 2:] - anchors[:, :2]
    shift = (matched[..., :2] + size / 2 - anchors[:, :2] - anchor_size / 2) / anchor_size * 10
    code = torch.cat([shift, torch.log(size / anchor_size) * 5], 2)
    label = torch.where(positive, classes.gather(1, index) + 1, 0)
    one_hot = (label[..., None] == torch.arange(slots, device=label.device)).float()
    return one_hot, torch.where(positive[..., None], code, 0.0), positive


def loss(encodings, logits, anchors, boxes, classes, slots):
    """Sigmoid and smooth L1, three mined negatives a positive."""
    labels, codes, positive = targets(anchors, boxes, classes, slots)
    classification = F.binary_cross_entropy_with_logits(logits, labels, reduction="none").sum(2)
    localization = F.smooth_l1_loss(encodings, codes, reduction="none").sum(2)
    with torch.no_grad():
        negatives = torch.where(positive, -1.0, classification.detach())
        rank = negatives.argsort(1, descending=True).argsort(1)
        keep = positive | (rank < 3 * positive.sum(1, keepdim=True))
    count = positive.sum().clamp(min=1)
    return ((classification * keep).sum() + (localization * positive).sum()) / count


def make_anchors(n, device):
    generator = torch.Generator().manual_seed(1)
    center, size = torch.rand(n, 2, generator=generator), torch.rand(n, 2, generator=generator) * 0.4 + 0.05
    return torch.cat([center - size / 2, center + size / 2], 1).to(device)


def parse():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="ssd_mobilenet_v1", choices=["ssd_mobilenet_v1", "ssd_inception_v2"])
    parser.add_argument("--num_classes", type=int, default=90)
    parser.add_argument("--image_size", type=int, default=300)
    parser.add_argument("--batch_size", type=int, default=8)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--warmup", type=int, default=3)

    parser.add_argument("--precision", default="fp32", choices=["fp32", "bf16"])
    parser.add_argument("--layout", default="channels_last", choices=["channels_last", "nchw"])
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--compile", action="store_true")
    parser.add_argument("--forward_only", action="store_true")
    return parser.parse_args()


def make_network(args):
    mobilenet = args.model == "ssd_mobilenet_v1"
    return SSD(MobilenetV1() if mobilenet else InceptionV2(), args.num_classes + 1, 1 if mobilenet else 3)


def make_step(args, device, images):
    """A function that does one step, and all that it needs."""
    slots = args.num_classes + 1
    form = torch.channels_last if args.layout == "channels_last" else torch.contiguous_format
    model = make_network(args).to(device, memory_format=form)
    how = {"fused": True} if device.type == "cuda" else {"foreach": True}
    optimizer = torch.optim.SGD(model.parameters(), lr=1e-4, momentum=0.9, weight_decay=4e-5, **how)
    boxes = torch.tensor([[0.1, 0.1, 0.4, 0.5], [0.3, 0.4, 0.9, 0.8], [0.5, 0.05, 0.75, 0.35]], device=device)
    boxes = boxes.expand(args.batch_size, -1, -1).contiguous()
    classes = (torch.tensor([1, 5, 9], device=device) % args.num_classes).expand(args.batch_size, -1).contiguous()
    with torch.no_grad():
        anchors = make_anchors(model.eval()(images[:1])[0].shape[1], device)
    model.train(not args.forward_only)
    run = torch.compile(model) if args.compile else model
    criterion = torch.compile(loss) if args.compile and device.type == "cuda" else loss
    cast = lambda: torch.autocast(device.type, torch.bfloat16, enabled=args.precision == "bf16")

    def step():
        if args.forward_only:
            with torch.no_grad(), cast():
                return run(images)
        with cast():
            encodings, logits = run(images)
        value = criterion(encodings.float(), logits.float(), anchors, boxes, classes, slots)
        optimizer.zero_grad(set_to_none=False)
        value.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 10.0)
        optimizer.step()
        return value

    return step


def captured(step):
    """The step as one CUDA graph."""
    side = torch.cuda.Stream()
    side.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(side):
        for _ in range(3):
            step()
    torch.cuda.current_stream().wait_stream(side)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        step()
    return graph.replay


def time_on_gpu(step, warmup, steps):
    """Seconds of each step, by events on the stream."""
    for _ in range(warmup):
        step()
    events = [(torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)) for _ in range(steps)]
    for begin, end in events:
        begin.record()
        step()
        end.record()
    torch.cuda.synchronize()
    return [begin.elapsed_time(end) * 1e-3 for begin, end in events]


def main():
    args = parse()
    torch.set_num_threads(args.threads)
    torch.manual_seed(0)
    device = torch.device(args.device)
    images = (torch.rand(args.batch_size, 3, args.image_size, args.image_size, device=device) * 2 - 1)
    if args.layout == "channels_last":
        images = images.to(memory_format=torch.channels_last)
    memory = MemoryGrowth()
    step = make_step(args, device, images)
    times, growth = [], 0
    for number in range(args.warmup + args.steps):
        begin = time.perf_counter()
        step()
        if device.type == "cuda":
            torch.cuda.synchronize()
        times.append(time.perf_counter() - begin)
        if number < 10:
            growth = memory.mb()
    times = times[args.warmup:]
    median = statistics.median(times)
    print(json.dumps({
        "program": "torch " + torch.__version__, "model": args.model, "batch_size": args.batch_size,
        "threads": args.threads, "precision": args.precision, "layout": args.layout, "compile": args.compile,
        "forward_only": args.forward_only, "img_per_s": args.batch_size / median, "median_ms": median * 1e3,
        "min_ms": min(times) * 1e3, "rss_growth_mb": growth,
    }))


if __name__ == "__main__":
    main()

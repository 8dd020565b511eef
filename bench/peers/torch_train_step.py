#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The train step of odt's benchmark in PyTorch: the same network, losses, optimizer, batch and random data.

Prints one line of JSON with the fields of bench_train_step. `pip install torch` (the CPU build suffices), for two-stage
models torchvision too, first; the fair setting for a CPU is
  MALLOC_MMAP_MAX_=0 MALLOC_TRIM_THRESHOLD_=20000000000 GLIBC_TUNABLES=glibc.malloc.hugetlb=1
"""
import argparse
import json
import statistics
import time

import torch
from torch.nn import functional as F

from image_sizes import IMAGE_SIZES, batch_size, extent
from torch_models import MODELS, multiply_adds, parameter_count


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


def iou(boxes, anchors):
    """[batch, boxes, anchors]"""
    low = torch.maximum(boxes[:, :, None, :2], anchors[None, None, :, :2])
    high = torch.minimum(boxes[:, :, None, 2:], anchors[None, None, :, 2:])
    overlap = (high - low).clamp(min=0).prod(3)
    area = lambda b: (b[..., 2:] - b[..., :2]).prod(-1)
    return overlap / (area(boxes)[:, :, None] + area(anchors)[None, None] - overlap)


def targets(anchors, boxes, classes, slots, background):
    """Argmax matching with force match, and faster_rcnn encoding, for all images of a batch at once. `background` is
    the column of anchors without a box; -1: there is none."""
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
    label = torch.where(positive, classes.gather(1, index) + 1, background)
    one_hot = (label[..., None] == torch.arange(slots, device=label.device)).float()
    return one_hot, torch.where(positive[..., None], code, 0.0), positive


def mined_loss(encodings, logits, anchors, boxes, classes):
    """Sigmoid and smooth L1, three mined negatives a positive."""
    labels, codes, positive = targets(anchors, boxes, classes, logits.shape[2], 0)
    classification = F.binary_cross_entropy_with_logits(logits, labels, reduction="none").sum(2)
    localization = F.smooth_l1_loss(encodings, codes, reduction="none").sum(2)
    with torch.no_grad():
        negatives = torch.where(positive, -1.0, classification.detach())
        rank = negatives.argsort(1, descending=True).argsort(1)
        keep = positive | (rank < 3 * positive.sum(1, keepdim=True))
    count = positive.sum().clamp(min=1)
    return ((classification * keep).sum() + (localization * positive).sum()) / count


def focal_loss(encodings, logits, anchors, boxes, classes, alpha=0.25, gamma=2.0):
    """Focal loss of all anchors, and smooth L1 by code size."""
    labels, codes, positive = targets(anchors, boxes, classes, logits.shape[2], -1)
    entropy = F.binary_cross_entropy_with_logits(logits, labels, reduction="none")
    wrong = (labels - torch.sigmoid(logits)).abs()
    classification = (entropy * wrong**gamma * (labels * alpha + (1 - labels) * (1 - alpha))).sum()
    localization = F.smooth_l1_loss(encodings, codes, reduction="none").mean(2)
    return (classification + (localization * positive).sum()) / positive.sum().clamp(min=1)


def make_anchors(n, device):
    generator = torch.Generator().manual_seed(1)
    center, size = torch.rand(n, 2, generator=generator), torch.rand(n, 2, generator=generator) * 0.4 + 0.05
    return torch.cat([center - size / 2, center + size / 2], 1).to(device)


def parse():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="ssd_mobilenet_v1", choices=IMAGE_SIZES)
    parser.add_argument("--num_classes", type=int, default=90)
    parser.add_argument("--image_size", type=int, default=0, help="0: the model's")
    parser.add_argument("--batch_size", type=int, default=0, help="0: the model's")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--warmup", type=int, default=3)
    parser.add_argument("--precision", default="fp32", choices=["fp32", "bf16"])
    parser.add_argument("--layout", default="channels_last", choices=["channels_last", "nchw"])
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--compile", action="store_true")
    parser.add_argument("--forward_only", action="store_true")
    args = parser.parse_args()
    args.image_size = args.image_size or IMAGE_SIZES[args.model]
    args.batch_size = args.batch_size or batch_size(args.model)
    return args


def make_network(args):
    return MODELS[args.model].make(args.num_classes + 1)


def ssd_passes(args, device, model, images, boxes, classes):
    """Functions of one inference without post-processing, and of the loss."""
    with torch.no_grad():
        anchors = make_anchors(model.eval()(images[:1])[0].shape[1], device)
    run = torch.compile(model) if args.compile else model
    loss = focal_loss if MODELS[args.model].focal else mined_loss
    criterion = torch.compile(loss) if args.compile and device.type == "cuda" else loss

    def total_loss(cast):
        with cast():
            encodings, logits = run(images)
        return criterion(encodings.float(), logits.float(), anchors, boxes, classes)

    return lambda: run(images), total_loss


def two_stage_passes(args, _, model, images, boxes, classes):
    """Functions of one inference, detections included, and of the loss."""
    if args.compile:
        model.compile_networks()

    def total_loss(cast):
        with cast():
            return model(images, boxes, classes)

    return lambda: model(images), total_loss


def make_step(args, device, images):
    """A function that does one step, and all that it needs."""
    form = torch.channels_last if args.layout == "channels_last" else torch.contiguous_format
    model = make_network(args).to(device, memory_format=form)
    how = {"fused": True} if device.type == "cuda" else {"foreach": True}
    optimizer = torch.optim.SGD(model.parameters(), lr=1e-4, momentum=0.9, weight_decay=4e-5, **how)
    boxes = torch.tensor([[0.1, 0.1, 0.4, 0.5], [0.3, 0.4, 0.9, 0.8], [0.5, 0.05, 0.75, 0.35]], device=device)
    boxes = boxes.expand(args.batch_size, -1, -1).contiguous()
    classes = (torch.tensor([1, 5, 9], device=device) % args.num_classes).expand(args.batch_size, -1).contiguous()
    cast = lambda: torch.autocast(device.type, torch.bfloat16, enabled=args.precision == "bf16")
    make = two_stage_passes if MODELS[args.model].two_stage else ssd_passes
    infer, total_loss = make(args, device, model, images, boxes, classes)
    model.train(not args.forward_only)

    def step():
        if args.forward_only:
            with torch.no_grad(), cast():
                return infer()
        value = total_loss(cast)
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
    height, width = extent(args.model, args.image_size)
    images = (torch.rand(args.batch_size, 3, height, width, device=device) * 2 - 1)
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
    network = make_network(args)
    print(json.dumps({
        "program": "torch " + torch.__version__, "model": args.model, "image_size": args.image_size,
        "parameters": parameter_count(network), "multiply_adds": multiply_adds(network, height, width),
        "batch_size": args.batch_size,
        "threads": args.threads, "precision": args.precision, "layout": args.layout, "compile": args.compile,
        "forward_only": args.forward_only, "img_per_s": args.batch_size / median, "median_ms": median * 1e3,
        "min_ms": min(times) * 1e3, "rss_growth_mb": growth,
    }))


if __name__ == "__main__":
    main()

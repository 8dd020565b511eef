#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The train step of an SSD MobileNet v1 with focal loss and momentum in JAX, by hand: network, targets, losses, L2,
clipping and update in one jax.jit whose state is donated, on random data.

Prints one line of JSON. `pip install jax`; bench/compare_pjrt.py runs it beside odt's step on a plugin of the same XLA.
"""
import argparse
import json
import os
import statistics
import time

os.environ.setdefault("JAX_PLATFORMS", "cpu")

import jax
import jax.numpy as jnp
import numpy
from jax import lax

STRIDES = [1, 2, 1, 2, 1, 2, 1, 1, 1, 1, 1, 2, 1]
DEPTHS = [64, 128, 128, 256, 256, 512, 512, 512, 512, 512, 512, 1024, 1024]
EXTRA = [512, 256, 256, 128]
BOXES = [3, 6, 6, 6, 6, 6]
DECAY, EPSILON, L2, CLIP, MOMENTUM = 0.9997, 0.001, 4e-5, 10.0, 0.9


class Builder:
    """Collects the variables while the network is gone through, or takes them from where they were collected."""

    def __init__(self, variables=None, seed=0):
        self.given = variables
        self.made = {}
        self.moved = {}
        self.random = numpy.random.default_rng(seed)

    def variable(self, name, shape, value=None):
        if self.given is None:
            made = self.random.normal(0, 0.03, shape) if value is None else numpy.full(shape, value)
            self.made[name] = jnp.asarray(made, jnp.float32)
        return (self.given or self.made)[name]

    def convolution(self, name, x, depth, kernel, stride=1, groups=1):
        channels = x.shape[3]
        weights = self.variable(name + "/weights", (kernel, kernel, channels // groups, depth))
        return lax.conv_general_dilated(x, weights, (stride, stride), "SAME", dimension_numbers=("NHWC", "HWIO", "NHWC"),
                                        feature_group_count=groups)

    def norm(self, name, x):
        c = x.shape[3]
        gamma, beta = self.variable(name + "/gamma", (c,), 1), self.variable(name + "/beta", (c,), 0)
        mean = jnp.mean(x, (0, 1, 2))
        variance = jnp.mean((x - mean) ** 2, (0, 1, 2))
        for kind, now in (("moving_mean", mean), ("moving_variance", variance)):
            old = self.variable(f"{name}/{kind}", (c,), kind == "moving_variance")
            self.moved[f"{name}/{kind}"] = lax.stop_gradient(old - (old - now) * (1 - DECAY))
        return jnp.clip((x - mean) * lax.rsqrt(variance + EPSILON) * gamma + beta, 0, 6)

    def layer(self, name, x, depth, kernel, stride=1, groups=1):
        return self.norm(name + "/norm", self.convolution(name, x, depth, kernel, stride, groups))


def network(b, images, slots):
    """Encodings [batch, anchors, 4] and logits [batch, anchors, slots]."""
    x = b.layer("0", images, 32, 3, 2)
    maps = []
    for i, (stride, depth) in enumerate(zip(STRIDES, DEPTHS), 1):
        x = b.layer(f"{i}/depthwise", x, x.shape[3], 3, stride, x.shape[3])
        x = b.layer(f"{i}/pointwise", x, depth, 1)
        if i in (11, 13):
            maps.append(x)
    for i, depth in enumerate(EXTRA):
        x = b.layer(f"extra{i}/squeeze", x, depth // 2, 1)
        x = b.layer(f"extra{i}/expand", x, depth, 3, 2)
        maps.append(x)
    encodings, logits = [], []
    for i, (x, boxes) in enumerate(zip(maps, BOXES)):
        for all_of, kind, columns in ((encodings, "boxes", 4), (logits, "classes", slots)):
            y = b.convolution(f"{kind}{i}", x, boxes * columns, 1) + b.variable(f"{kind}{i}/biases", (boxes * columns,), 0)
            all_of.append(y.reshape(y.shape[0], -1, columns))
    return jnp.concatenate(encodings, 1), jnp.concatenate(logits, 1)


def area(b):
    return (b[..., 2] - b[..., 0]) * (b[..., 3] - b[..., 1])


def targets(anchors, boxes, classes, slots):
    """Argmax matching with force match, and faster_rcnn encoding."""
    low = jnp.maximum(boxes[:, :, None, :2], anchors[None, None, :, :2])
    high = jnp.minimum(boxes[:, :, None, 2:], anchors[None, None, :, 2:])
    overlap = jnp.prod(jnp.maximum(high - low, 0), 3)
    similarity = overlap / (area(boxes)[:, :, None] + area(anchors)[None, None] - overlap)
    row = jnp.where(similarity.max(1) >= 0.5, similarity.argmax(1), -1)
    numbers = jnp.arange(boxes.shape[1])[None, :, None]
    forced = jnp.where(similarity.argmax(2)[:, :, None] == jnp.arange(anchors.shape[0]), numbers, -1).max(1)
    row = jnp.where(forced >= 0, forced, row)
    positive = row >= 0
    chosen = (row[:, None, :] == numbers).astype(jnp.float32)
    matched = jnp.einsum("bra,brk->bak", chosen, boxes, precision="highest")
    matched = jnp.where(positive[..., None], matched, anchors[None])
    size, anchor_size = matched[..., 2:] - matched[..., :2], anchors[:, 2:] - anchors[:, :2]
    shift = (matched[..., :2] + size / 2 - anchors[:, :2] - anchor_size / 2) / anchor_size * 10
    code = jnp.concatenate([shift, jnp.log(size / anchor_size) * 5], 2)
    label = jnp.where(positive, jnp.einsum("bra,br->ba", chosen, classes.astype(jnp.float32)) + 1, 0)
    one_hot = jnp.where(positive[..., None], label[..., None] == jnp.arange(slots), 0).astype(jnp.float32)
    return one_hot, jnp.where(positive[..., None], code, 0), positive


def loss(variables, images, anchors, boxes, classes, slots):
    """Focal loss of all anchors, smooth L1, and L2 of the weights; with them, the moving averages."""
    b = Builder(variables)
    encodings, logits = network(b, images, slots)
    labels, codes, positive = targets(anchors, boxes, classes, slots)
    probability = jax.nn.sigmoid(logits)
    entropy = jnp.maximum(logits, 0) - logits * labels + jnp.log1p(jnp.exp(-jnp.abs(logits)))
    focal = entropy * jnp.abs(labels - probability) ** 2 * (labels * 0.25 + (1 - labels) * 0.75)
    off = jnp.abs(encodings - codes)
    smooth = jnp.where(off < 1, off * off / 2, off - 0.5).sum(2)
    count = jnp.maximum(positive.sum(), 1)
    penalty = sum((v**2).sum() for name, v in variables.items() if name.endswith("/weights")) * L2 / 2
    return (focal.sum() + (smooth * positive).sum()) / count + penalty, b.moved


def step(variables, slots_of_momentum, images, anchors, boxes, classes, rate, slots):
    (value, moved), gradients = jax.value_and_grad(loss, has_aux=True)(variables, images, anchors, boxes, classes, slots)
    norm = jnp.sqrt(sum((g**2).sum() for name, g in gradients.items() if name not in moved))
    clip = jnp.where(norm > CLIP, CLIP / norm, 1)
    after, momentum = {}, {}
    for name, v in variables.items():
        if name in moved:
            after[name] = moved[name]
            continue
        momentum[name] = slots_of_momentum[name] * MOMENTUM + gradients[name] * clip
        after[name] = v - rate * momentum[name]
    return after, momentum, value, norm


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--num_classes", type=int, default=90)
    parser.add_argument("--image_size", type=int, default=300)
    parser.add_argument("--batch_size", type=int, default=8)
    parser.add_argument("--max_boxes", type=int, default=100)
    parser.add_argument("--steps", type=int, default=10)
    parser.add_argument("--warmup", type=int, default=2)
    args = parser.parse_args()
    random = numpy.random.default_rng(1)
    side, slots = args.image_size, args.num_classes + 1
    images = jnp.asarray(random.uniform(-1, 1, (args.batch_size, side, side, 3)), jnp.float32)
    first = Builder()
    encodings, _ = network(first, images[:1], slots)
    variables = first.made
    momentum = {n: jnp.zeros_like(v) for n, v in variables.items() if "/moving_" not in n}

    def random_boxes(shape):
        center, size = random.uniform(0, 1, (*shape, 2)), random.uniform(0.05, 0.45, (*shape, 2))
        return jnp.asarray(numpy.concatenate([center - size / 2, center + size / 2], -1), jnp.float32)

    anchors, boxes = random_boxes((encodings.shape[1],)), random_boxes((args.batch_size, args.max_boxes))
    classes = jnp.asarray(random.integers(0, args.num_classes, (args.batch_size, args.max_boxes)), jnp.int32)
    begin = time.perf_counter()
    data = (images, anchors, boxes, classes, jnp.float32(1e-4))
    run = jax.jit(step, donate_argnums=(0, 1), static_argnums=7).lower(variables, momentum, *data, slots).compile()
    compiled, times = time.perf_counter() - begin, []
    for _ in range(args.warmup + args.steps):
        begin = time.perf_counter()
        variables, momentum, value, _ = run(variables, momentum, *data)
        value.block_until_ready()
        times.append(time.perf_counter() - begin)
    print(json.dumps({
        "program": "jax " + jax.__version__, "model": "ssd_mobilenet_v1", "image_size": side,
        "parameters": sum(v.size for v in momentum.values()), "anchors": encodings.shape[1],
        "batch_size": args.batch_size, "threads": len(os.sched_getaffinity(0)),
        "ms_per_step": statistics.median(times[args.warmup:]) * 1e3, "compile_s": compiled, "loss": float(value)}))


if __name__ == "__main__":
    main()

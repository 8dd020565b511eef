#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The forward pass of odt's benchmark in ONNX Runtime on the CPU: the same network and batch, batch norms folded.

Prints one line of JSON with the fields of bench_train_step. `pip install torch onnx onnxscript onnxruntime` first. The
network is exported by a process of its own, so that memory is that of the runtime alone.
"""
import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time

from image_sizes import IMAGE_SIZES


def parse():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="ssd_mobilenet_v1", choices=IMAGE_SIZES)
    parser.add_argument("--num_classes", type=int, default=90)
    parser.add_argument("--image_size", type=int, default=0, help="0: the model's")
    parser.add_argument("--batch_size", type=int, default=8)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--warmup", type=int, default=3)
    parser.add_argument("--forward_only", action="store_true", help="it does nothing else")
    parser.add_argument("--network", help="keep the exported network in this file, or take it from there")
    parser.add_argument("--export", help="only write the network to this file")
    args = parser.parse_args()
    args.image_size = args.image_size or IMAGE_SIZES[args.model]
    return args


def export(args):
    import torch
    from torch_train_step import make_network

    torch.manual_seed(0)
    images = torch.rand(args.batch_size, 3, args.image_size, args.image_size)
    network = make_network(args).eval()
    torch.onnx.export(network, (images,), args.export, input_names=["images"], output_names=["encodings", "logits"],
                      external_data=False)


def memory_mb(field):
    """VmRSS or VmHWM of this process, in MB of 10^6 bytes."""
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) * 1024 / 1e6 for line in status if line.startswith(field))


def session_of(path, threads):
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])


def main():
    args = parse()
    if args.export:
        return export(args)
    import numpy
    import onnxruntime

    with tempfile.TemporaryDirectory() as folder:
        path = args.network or os.path.join(folder, "network.onnx")
        if not os.path.exists(path):
            subprocess.run([sys.executable, __file__, "--export", path] + sys.argv[1:], check=True,
                           stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        images = numpy.random.default_rng(1).random(
            (args.batch_size, 3, args.image_size, args.image_size), dtype=numpy.float32) * 2 - 1
        with open("/proc/self/clear_refs", "w") as refs:
            refs.write("5")  # the highest so far is forgotten
        before = memory_mb("VmRSS")
        session = session_of(path, args.threads)
    times, growth = [], 0
    for number in range(args.warmup + args.steps):
        begin = time.perf_counter()
        outputs = session.run(None, {"images": images})
        times.append(time.perf_counter() - begin)
        if number < 10:
            growth = memory_mb("VmHWM") - before
    if not all(numpy.isfinite(o).all() for o in outputs):
        sys.exit("onnx_forward.py: the outputs are not finite")
    times = times[args.warmup:]
    median = statistics.median(times)
    print(json.dumps({
        "program": "onnxruntime " + onnxruntime.__version__, "model": args.model, "batch_size": args.batch_size,
        "threads": args.threads, "precision": "fp32", "forward_only": True, "img_per_s": args.batch_size / median,
        "median_ms": median * 1e3, "min_ms": min(times) * 1e3, "rss_growth_mb": growth,
    }))


if __name__ == "__main__":
    main()

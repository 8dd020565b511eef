#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Train steps on one GPU: odt's beside PyTorch's on the same card, alternating.

PyTorch runs eager, as a CUDA graph, and (with --compile) through torch.compile and then as a graph: channels_last, bf16
autocast, fused SGD. odt's program is bench_cuda_step. Times are medians of events on the stream; both work on images
that lie on the device.

  bench/compare_cuda.py --program build/cuda/bin/bench_cuda_step --output results.json
"""
import argparse
import json
import pathlib
import statistics
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent / "peers"))
import torch  # noqa: E402
import torch_train_step as peer  # noqa: E402
from image_sizes import IMAGE_SIZES  # noqa: E402


def parse():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", required=True, help="bench_cuda_step")
    parser.add_argument("--models", default="ssd_mobilenet_v1,ssd_inception_v2")
    parser.add_argument("--batch_sizes", default="1,8,32,128")
    parser.add_argument("--compile", default="", help="model:batch_size,... that torch.compile is tried on too")
    parser.add_argument("--steps", type=int, default=30)
    parser.add_argument("--output", default="", help="a file for the results as JSON")
    return parser.parse_args()


def odt_seconds(args, model, batch):
    command = [args.program, "--model", model, "--batch_size", str(batch), "--steps", str(args.steps), "--json"]
    text = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return json.loads(text.strip().split("\n")[-1])


def peer_times(args, model, batch, compiled):
    """Medians of the eager step and of the same as a CUDA graph, in seconds; or what stood against them."""
    size = IMAGE_SIZES[model]
    options = argparse.Namespace(model=model, num_classes=90, image_size=size, batch_size=batch,
                                 precision="bf16", layout="channels_last", compile=compiled, forward_only=False)
    torch.manual_seed(0)
    images = torch.rand(batch, 3, size, size, device="cuda").to(memory_format=torch.channels_last) * 2 - 1
    step = peer.make_step(options, torch.device("cuda"), images)
    times = {}
    for name, prepare in {"eager": lambda: step, "graph": lambda: peer.captured(step)}.items():
        try:
            run = prepare()
            times[name] = {"ms": statistics.median(peer.time_on_gpu(run, 5, args.steps)) * 1e3,
                           "memory_mb": torch.cuda.max_memory_allocated() / 1e6}
        except Exception as problem:  # a variant that this PyTorch cannot do is told, not fatal
            times[name] = {"error": str(problem)[:200]}
    del step, images
    torch.cuda.empty_cache()
    torch.cuda.reset_peak_memory_stats()
    return {("compile+" if compiled else "") + name: t for name, t in times.items()}


def compare(args, model, batch):
    mine = [odt_seconds(args, model, batch)]
    peers = peer_times(args, model, batch, False)
    if f"{model}:{batch}" in args.compile.split(","):
        peers |= peer_times(args, model, batch, True)
    mine.append(odt_seconds(args, model, batch))
    return {"model": model, "batch_size": batch, "peers": peers, "odt": min(mine, key=lambda r: r["median_ms"]),
            "odt_ms": [r["median_ms"] for r in mine]}


def line(r):
    own = statistics.median(r["odt_ms"])
    text = f"{r['model']:18} b{r['batch_size']:<4} odt {own:8.3f} ms {r['batch_size'] / own * 1e3:8.0f} img/s"
    for name, p in r["peers"].items():
        text += f" | {name} {p['ms']:8.3f} ms x{p['ms'] / own:5.2f}" if "ms" in p else f" | {name}: {p['error'][:40]}"
    return text


def main():
    args = parse()
    torch.backends.cudnn.benchmark = True
    results = []
    for model in args.models.split(","):
        for batch in map(int, args.batch_sizes.split(",")):
            results.append(compare(args, model, batch))
            print(line(results[-1]), flush=True)
            if args.output:
                pathlib.Path(args.output).write_text(json.dumps(
                    {"gpu": torch.cuda.get_device_name(), "torch": torch.__version__, "results": results}, indent=1))


if __name__ == "__main__":
    main()

#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""All comparisons of the train step and the forward pass, few steps each, and a table of them at the end: two networks
in every way, the others with batch 8.

The best of PyTorch's ways to run is found once a network, precision and instruction set, at batch 8, and taken for the
other rows.
"""
import argparse
import os
import pathlib
import sys
import time

import compare

MODELS = {"ssd_mobilenet_v1": "MobileNet v1", "ssd_inception_v2": "Inception v2"}
OTHERS = {"ssd_mobilenet_v2": "MobileNet v2", "ssdlite_mobilenet_v2": "SSDLite MobileNet v2",
          "ssd_mobilenet_v1_fpn": "MobileNet v1 FPN", "ssd_mobilenet_v2_fpnlite": "MobileNet v2 FPNLite",
          "ssd_resnet50_v1_fpn": "ResNet-50 FPN", "ssd_mobilenet_v1_ppn": "MobileNet v1 PPN"}
STEPS = {1: ("8", "3"), 8: ("4", "2"), 32: ("2", "2")}  # timed steps and those before, by batch
HASWELL = pathlib.Path(compare.HERE).parent / "build/haswell/bin/bench_train_step"


def rows():
    """Title, flags, and whether the best peer is looked for here."""
    flags_of = lambda model, batch, *more: ["--model", model, "--batch_size", str(batch), "--steps", STEPS[batch][0],
                                            "--warmup", STEPS[batch][1], *more]
    for model, name in MODELS.items():
        flags = lambda *how: flags_of(model, *how)
        for batch in (8, 1, 32):
            yield f"{name}, batch {batch}", model, flags(batch)
        yield f"{name}, batch 8, bf16", model, flags(8, "--precision", "bf16")
        if os.access(HASWELL, os.X_OK):
            yield f"{name}, batch 8, AVX2", model, flags(8, "--isa", "avx2")
        for batch in (8, 1):
            yield f"{name}, forward, batch {batch}", model, flags(batch, "--forward_only")
        yield f"{name}, batch 8, 1 thread", model, flags(8, "--threads", "1", "--peer", "none")
    for model, name in OTHERS.items():
        yield f"{name}, batch 8", model, flags_of(model, 8)


def run(title, flags, peer, rounds):
    print(f"== {title}", flush=True)
    peers = [] if "--peer" in flags or "--forward_only" in flags else ["--peer", peer]
    try:
        return compare.compare(["--rounds", str(rounds), "--max_discards", "2", "--patience", "10", *peers, *flags])
    except RuntimeError as problem:
        print(problem, file=sys.stderr)
        return None


def cells(title, s):
    if s is None:
        return [title] + ["-"] * 8
    ours, theirs = s["odt"], s.get("theirs")
    percent = lambda row, key: f"{100 * row[key]:.0f} %" if row else "-"
    shares = lambda key: f"{percent(ours, key)} / {percent(theirs, key)}"
    return [title, f"{ours['img_per_s']:.2f}", f"{theirs['img_per_s']:.2f} ({s['peer']})" if theirs else "-",
            f"{s['ratio']:.2f}" if theirs else "-", shares("share_of_peak"), shares("share_of_bandwidth"),
            f"{ours['rss_growth_mb']:.0f} / " + (f"{theirs['rss_growth_mb']:.0f}" if theirs else "-"),
            f"{ours['planned_mb']:.0f}", f"{s['discarded']} / {s['disturbed']}"]


def table(results):
    head = ["", "odt img/s", "peer img/s", "ratio", "FMA peak", "bandwidth", "memory MB", "planned MB",
            "discarded / disturbed"]
    lines = [head, ["---"] * len(head)] + [cells(title, s) for title, s in results]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--rounds", type=int, default=2)
    p.add_argument("--only", default="", help="rows whose titles have this in them")
    p.add_argument("--output", help="write the table to this file too")
    args = p.parse_args()
    results, best, begin = [], {}, time.monotonic()
    for title, model, flags in rows():
        if args.only not in title:
            continue
        key = (model, "bf16" in flags, "avx2" in flags)
        s = run(title, flags, best.get(key, "best"), args.rounds)
        if s and s["peer"] not in ("none", "onnx"):
            best.setdefault(key, s["peer"])
        results.append((title, s))
    threads_gain(results)
    text = table(results)
    print(f"\n{text}\n\nin {(time.monotonic() - begin) / 60:.1f} minutes")
    if args.output:
        pathlib.Path(args.output).write_text(text + "\n")


def threads_gain(results):
    """Says how much quicker two threads are than one."""
    rates = {title: s["odt"]["img_per_s"] for title, s in results if s}
    for name in MODELS.values():
        one, two = rates.get(f"{name}, batch 8, 1 thread"), rates.get(f"{name}, batch 8")
        if one and two:
            print(f"{name}: two threads are {two / one:.2f} times as fast as one")


if __name__ == "__main__":
    main()

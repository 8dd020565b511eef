#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Predicts how fast many ranks train, from how fast one does and what the network gives: docs/scaling.md's tables.

Rates are lines of `bench_train_step --model M --gradients` (default: bench/scaling_rates.jsonl, of two cores); a network's are
those of `mpirun ... bench_reduction`. With a cluster's own:

    bench_train_step --model ssd_inception_v2 --batch_size 8 --threads 16 --gradients > rates.jsonl
    mpirun -n 4 --hostfile hosts bench_reduction
    bench/scaling.py --rates rates.jsonl --gbit 3.5 --exchange 120 --ranks 8 64
"""
import argparse
import json
import math
import pathlib

BUCKET = 4 * 2**20  # bytes that are summed at once: bucket_communicator::usual_bucket
GATHERS = 3         # a step: matches, losses, what to do next
CORE = 5.1          # Gb/s each way that one core sends and receives by TCP
# Gb/s each way that a rank gets of a network's, and whether its cores do the work.
NETWORKS = {"1 Gb/s": (0.55, True), "10 Gb/s": (CORE, True), "25 Gb/s, RDMA": (20, False), "100 Gb/s, RDMA": (80, False)}


def final_before_the_end(hidden, share):
    """Of a step's time: how long before the end of backward that share of the gradients was final."""
    points = [(0.0, hidden[0]), *(((i + 1) / len(hidden), h) for i, h in enumerate(hidden))]
    for (x0, y0), (x1, y1) in zip(points, points[1:]):
        if share <= x1:
            return y0 + (y1 - y0) * (share - x0) / (x1 - x0) if x1 > x0 else y1
    return points[-1][1]


class Cluster:
    def __init__(self, ranks, gbit, given):
        self.ranks, self.bytes_a_second = ranks, gbit * 1e9 / 8
        self.exchange = (given.exchange + (ranks - 1) * given.message) * 1e-6

    def wire_seconds(self, size, bytes_a_second):
        """Every rank sends its parts to all, and its sums to all."""
        return 2 * (self.ranks - 1) / self.ranks * size / bytes_a_second

    def sum_seconds(self, size):
        return 2 * self.exchange + self.wire_seconds(size, self.bytes_a_second)

    def gather_seconds(self):
        return 2 * self.exchange


def predict(model, cluster, given, by_cores):
    """Seconds of a step of one rank alone, and of all."""
    alone = given.shards * model["batch_size"] / (model["img_per_s"] * given.speed)
    size = model["megabytes"] * 1e6
    free, done = -alone, 0.0  # seconds before (-) or after the end of backward at which the network is free
    while done < size:
        bucket = min(BUCKET, size - done)
        done += bucket
        final = -final_before_the_end(model["hidden"], done / size) * alone / given.shards
        free = max(free, final) + cluster.sum_seconds(bucket)
    taken = cluster.wire_seconds(size, CORE * 1e9 / 8) / given.cores if by_cores else 0
    slowest = alone * given.spread * math.sqrt(2 * math.log(cluster.ranks))
    return alone, alone + taken + slowest + max(free, 0.0) + GATHERS * cluster.gather_seconds()


def row(model, networks, ranks, given):
    images = ranks * given.shards * model["batch_size"]
    cells = []
    for gbit, by_cores in networks.values():
        alone, together = predict(model, Cluster(ranks, gbit, given), given, by_cores)
        cells.append(f"{images / together:,.0f} ({100 * alone / together:.0f} %)")
    return f"| {model['model']} | {model['megabytes']:.0f} | {ranks} | {images} | {' | '.join(cells)} |"


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--rates", type=pathlib.Path, default=pathlib.Path(__file__).parent / "scaling_rates.jsonl")
    arguments.add_argument("--ranks", type=int, nargs="+", default=[8, 64, 512])
    arguments.add_argument("--gbit", type=float, help="that each rank sends, by bench_reduction; when not given, the page's")
    arguments.add_argument("--exchange", type=float, default=100, help="microseconds of an exchange between two ranks")
    arguments.add_argument("--message", type=float, default=10, help="microseconds that each further rank adds to it")
    arguments.add_argument("--shards", type=int, default=1, help="of a rank; backward of the last one hides the sums")
    arguments.add_argument("--speed", type=float, default=1, help="how many times as quick as in --rates a rank is")
    arguments.add_argument("--cores", type=int, default=2, help="of a rank")
    arguments.add_argument("--spread", type=float, default=0.01, help="of a step's time from rank to rank: deviation / mean")
    given = arguments.parse_args()
    networks = NETWORKS if given.gbit is None else {f"{given.gbit:g} Gb/s": (given.gbit, True)}
    models = [json.loads(line) for line in given.rates.read_text().splitlines()]
    print(f"| model | MB a step | ranks | images a step | {' | '.join(networks)} |")
    print("|---" * (4 + len(networks)) + "|")
    for model in models:
        for ranks in given.ranks:
            print(row(model, networks, ranks, given))


main()

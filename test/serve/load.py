#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Many clients ask `odt serve` while versions come and go: no request fails, and memory stays what it was.

usage: load.py ODT CONFIG [--clients N] [--requests N] [--reloads N] [--json]    (CONFIG: examples/shapes.config)
"""
import argparse
import base64
import json
import multiprocessing
import pathlib
import shutil
import socket
import time

from fixture import Server, photos, workplace


def recv_answer(connection, pending):
    while (end := pending.find(b"\r\n\r\n")) < 0:
        more = connection.recv(65536)
        if not more:
            raise ConnectionError("closed within an answer")
        pending += more
    head = pending[:end].lower()
    length = int(head.split(b"content-length: ")[1].split(b"\r\n")[0])
    while len(pending) < end + 4 + length:
        more = connection.recv(65536)
        if not more:
            raise ConnectionError("closed within an answer")
        pending += more
    return int(head[9:12]), bytes(pending[end + 4:end + 4 + length]), pending[end + 4 + length:]


def client(port, body, requests, results, done):
    """One connection that asks as fast as it is answered, until all requests are used up."""
    message = (f"POST /v1/models/m:predict HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(body)}\r\n\r\n").encode() + body
    times, failed, versions = [], [], 0
    pending = b""
    with socket.create_connection(("127.0.0.1", port), timeout=60) as connection:
        while True:
            with requests.get_lock():
                if requests.value <= 0:
                    break
                requests.value -= 1
            begin = time.perf_counter()
            try:
                connection.sendall(message)
                status, text, pending = recv_answer(connection, pending)
            except OSError as wrong:
                failed.append(str(wrong))
                break
            times.append(time.perf_counter() - begin)
            if status != 200 or b'"num_detections"' not in text:
                failed.append(f"{status}: {text[:200]!r}")
            with done.get_lock():
                done.value += 1
    results.put((times, failed))


def quantile(values, share):
    return sorted(values)[min(len(values) - 1, int(share * len(values)))]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("odt")
    parser.add_argument("config")
    parser.add_argument("--clients", type=int, default=8)
    parser.add_argument("--requests", type=int, default=400)
    parser.add_argument("--reloads", type=int, default=5)
    parser.add_argument("--pixels", action="store_true", help="send pixels as JSON")
    parser.add_argument("--growth", type=float, default=0.03, help="of memory from the first reload to the last")
    flags = parser.parse_args()
    odt, config = pathlib.Path(flags.odt).resolve(), pathlib.Path(flags.config).resolve()
    with workplace(odt, config) as at, Server(
            odt, "--model_name", "m", "--model_base_path", "exports", "--file_system_poll_wait_seconds", "0.2",
            at=at) as server:
        data = photos(at)[0].read_bytes()
        body = json.dumps({"instances": [{"b64": base64.b64encode(data).decode()}]}).encode()
        requests, done = multiprocessing.Value("q", flags.requests), multiprocessing.Value("q", 0)
        results = multiprocessing.Queue()
        clients = [multiprocessing.Process(target=client, args=(server.port, body, requests, results, done), daemon=True)
                   for _ in range(flags.clients)]
        begin = time.perf_counter()
        for one in clients:
            one.start()
        memory, seen = [], set()
        template = at / "exports/1"
        for reload in range(flags.reloads):
            # A reload each so many requests; where these are through before, the rest comes without load.
            share = flags.requests * (reload + 1) // (flags.reloads + 1)
            while done.value < share and any(one.is_alive() for one in clients):
                time.sleep(0.01)
            version = 100 + reload
            shutil.copytree(template, at / "making")
            (at / "making").rename(at / "exports" / str(version))
            server.wait_until(lambda: server.state().get(version, ("",))[0] == "AVAILABLE", 120)
            server.wait_until(lambda: [s for s, _ in server.state().values()].count("AVAILABLE") == 1 and
                              "UNLOADING" not in [s for s, _ in server.state().values()], 120)
            seen.add(version)
            memory.append(server.memory())
            if reload > 0:
                shutil.rmtree(at / "exports" / str(version - 1))
        gathered = [results.get(timeout=3600) for _ in clients]
        seconds = time.perf_counter() - begin
        times = [t for one, _ in gathered for t in one]
        failed = [f for _, one in gathered for f in one]
        assert not failed, f"{len(failed)} requests failed: {failed[:3]}"
        assert len(times) == flags.requests
        text = server.ask("/monitoring/prometheus/metrics")[2].decode()
        batches = float(text.split('odt_batch_images_count{model_name="m"} ')[1].split()[0])
        images = float(text.split('odt_batch_images_sum{model_name="m"} ')[1].split()[0])
        print(f"{flags.requests} requests of {flags.clients} clients over {len(seen)} reloads in {seconds:.1f} s: none "
              f"failed; {flags.requests / seconds:.0f} a second, p50 {quantile(times, 0.5) * 1e3:.1f} ms, "
              f"p99 {quantile(times, 0.99) * 1e3:.1f} ms, {images / max(1, batches):.1f} images a batch")
        if memory:
            # The first reloads fill what later ones use again: pools of threads, of the allocator.
            settled = memory[min(len(memory) - 1, 3)]
            print(f"memory after the reloads: {', '.join(f'{m:.0f}' for m in memory[:6])}... {memory[-1]:.0f} MiB")
            if len(memory) >= 20:
                assert memory[-1] <= settled * (1 + flags.growth), "memory grows"


if __name__ == "__main__":
    main()

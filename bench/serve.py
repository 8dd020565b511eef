#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Images a second of `odt serve` beside those of `odt detect`, in turns, on the same pictures and threads.

usage: serve.py ODT EXPORT PHOTOS [--rounds N] [--clients N] [--batch N] [--peer PYTHON]

EXPORT is a directory that odt export wrote. --peer PYTHON runs, in the same turns, a server of a few lines in that Python
around onnxruntime (EXPORT/model.onnx has to be there), which takes the same requests.
"""
import argparse
import base64
import json
import multiprocessing
import os
import pathlib
import re
import resource
import socket
import statistics
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "test/serve"))
from fixture import Server, free_port  # noqa: E402
from load import quantile, recv_answer  # noqa: E402

PEER = r'''
import base64, io, json, sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
import numpy as np, onnxruntime
from PIL import Image
session = onnxruntime.InferenceSession(sys.argv[2])
name = session.get_inputs()[0].name
wanted = ["detection_boxes", "detection_scores", "detection_classes", "num_detections"]
class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def do_POST(self):
        request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        picture = Image.open(io.BytesIO(base64.b64decode(request["instances"][0]["b64"]))).convert("RGB")
        outputs = session.run(wanted, {name: np.asarray(picture)[None]})
        body = json.dumps({"predictions": [{k: v[0].tolist() for k, v in zip(wanted, outputs)}]}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def log_message(self, *_): pass
ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
'''


def client(port, messages, results):
    times, pending = [], b""
    with socket.create_connection(("127.0.0.1", port), timeout=120) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for message in messages:
            begin = time.perf_counter()
            connection.sendall(message)
            status, _, pending = recv_answer(connection, pending)
            assert status == 200
            times.append(time.perf_counter() - begin)
    results.put(times)


def ask(port, messages, clients):
    results = multiprocessing.Queue()
    shares = [messages[i::clients] for i in range(clients)]
    pool = [multiprocessing.Process(target=client, args=(port, share, results)) for share in shares]
    begin = time.perf_counter()
    for one in pool:
        one.start()
    times = [t for _ in pool for t in results.get()]
    seconds = time.perf_counter() - begin
    for one in pool:
        one.join()
    return len(messages) / seconds, times


def processor_seconds(pid):
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def detect(odt, export, photos):
    """Images a second, and seconds of processor an image (without the program's start: that of a single image)."""
    used = []
    for some in (photos[:1], photos):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        with tempfile.TemporaryDirectory() as out:
            done = subprocess.run([odt, "detect", "--checkpoint", export, "--output", out, "--no_pictures", *some],
                                  capture_output=True, text=True, check=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        used.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    images, seconds = re.search(r"(\d+) images?, .* ([0-9.]+) s\n", done.stdout).groups()
    return int(images) / float(seconds), (used[1] - used[0]) / (len(photos) - 1)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("odt")
    parser.add_argument("export")
    parser.add_argument("photos")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--clients", type=int, default=16)
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--images", type=int, default=600)
    parser.add_argument("--peer")
    flags = parser.parse_args()
    odt, export = pathlib.Path(flags.odt).resolve(), pathlib.Path(flags.export).resolve()
    photos = sorted(pathlib.Path(flags.photos).glob("*.jpg"))
    photos = (photos * (flags.images // len(photos) + 1))[:flags.images]
    messages = []
    for photo in photos:
        body = json.dumps({"instances": [{"b64": base64.b64encode(photo.read_bytes()).decode()}]}).encode()
        messages.append(f"POST /v1/models/m:predict HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(body)}\r\n\r\n"
                        .encode() + body)
    with tempfile.TemporaryDirectory() as name:
        base = pathlib.Path(name)
        (base / "base").mkdir()
        (base / "base/1").symlink_to(export)
        (base / "batching").write_text(f"max_batch_size {{ value: {flags.batch} }}")
        figures = {}

        def add(name, rate, used):
            figures.setdefault(name, []).append((rate, used))
            print(f"{name}: {rate:.0f} images a second, {used * 1e3:.2f} ms of processor an image", flush=True)

        for _ in range(flags.rounds):
            add("odt detect", *detect(odt, export, photos))
            for batch in (1, flags.batch):
                (base / "batching").write_text(f"max_batch_size {{ value: {batch} }}")
                with Server(odt, "--model_name", "m", "--model_base_path", base / "base", "--batching_parameters_file",
                            base / "batching") as server:
                    before = processor_seconds(server.process.pid)
                    rate, times = ask(server.port, messages, flags.clients)
                    used = processor_seconds(server.process.pid) - before
                    add(f"odt serve, batches of up to {batch}", rate, used / len(messages))
                    print(f"batches of up to {batch}: p50 {quantile(times, .5) * 1e3:.1f} ms, "
                          f"p99 {quantile(times, .99) * 1e3:.1f} ms")
            if flags.peer:
                port = free_port()
                peer = subprocess.Popen([flags.peer, "-c", PEER, str(port), str(export / "model.onnx")])
                try:
                    for _ in range(600):
                        try:
                            socket.create_connection(("127.0.0.1", port)).close()
                            break
                        except OSError:
                            time.sleep(0.1)
                    before = processor_seconds(peer.pid)
                    rate, _ = ask(port, messages, flags.clients)
                    add("onnxruntime", rate, (processor_seconds(peer.pid) - before) / len(messages))
                finally:
                    peer.kill()
                    peer.wait()
        for name, all_of_it in figures.items():
            rates, used = zip(*all_of_it)
            print(f"{name}: median {statistics.median(rates):.0f} images a second, "
                  f"{statistics.median(used) * 1e3:.2f} ms of processor an image")


if __name__ == "__main__":
    main()

#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""How fast a training is from a store whose every answer takes longer, held against local files. The memory for what was
read is less than the records, so that they are fetched again and again.

usage: latency.py ODT CONFIG PYTHON STORE [--milliseconds 20] [--memory 2] [--steps 60] [--rounds 3]
    (as stores.py; MiB of memory)
"""
import argparse
import asyncio
import pathlib
import re
import statistics
import tempfile
import threading

import stores
from servers import SERVERS


class SlowLine:
    """Hands bytes on, each way half of the time later."""

    def __init__(self, port, seconds):
        self.port, self.half = port, seconds / 2
        ready = threading.Event()
        threading.Thread(target=lambda: asyncio.run(self.serve(ready)), daemon=True).start()
        ready.wait()

    async def serve(self, ready):
        server = await asyncio.start_server(self.connect, "127.0.0.1", 0, backlog=128)
        self.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        ready.set()
        await server.serve_forever()

    async def connect(self, reader, writer):
        far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self.port)
        await asyncio.gather(self.hand_on(reader, far_writer), self.hand_on(far_reader, writer))

    async def hand_on(self, reader, writer):
        loop, queue = asyncio.get_running_loop(), asyncio.Queue()

        async def send():
            while True:
                due, data = await queue.get()
                await asyncio.sleep(max(0, due - loop.time()))
                if not data:
                    return writer.close()
                writer.write(data)
        sending = asyncio.create_task(send())
        try:
            while data := await reader.read(1 << 18):
                queue.put_nowait((loop.time() + self.half, data))
        except ConnectionError:
            pass
        queue.put_nowait((loop.time() + self.half, b""))
        await sending


def main():
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("odt", "config", "python", "store"):
        options.add_argument(name)
    options.add_argument("--milliseconds", type=float, default=20)
    options.add_argument("--memory", type=int, default=2)
    options.add_argument("--steps", type=int, default=60)
    options.add_argument("--rounds", type=int, default=3)
    given = options.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        at = pathlib.Path(folder)
        (at / "server").mkdir()
        server = SERVERS[given.store](at / "server", pathlib.Path(given.python).absolute())
        try:
            test = stores.Test(pathlib.Path(given.odt).absolute(), pathlib.Path(given.config), server, at)
            test.config = pathlib.Path(given.config).read_text()
            test.environment = {"ODT_CLOUD_MEMORY_MB": str(given.memory)}
            test.run("shapes", "--output", "photos", "--count", 400)
            for output in ("data", server.path("data")):
                test.run("convert", "labelimg", "--images", "photos/images", "--annotations", "photos/annotations",
                         "--output", output, "--shards", 5)
            line = SlowLine(server.port, given.milliseconds / 1000)
            speeds = {"data": [], server.path("data"): []}
            for _ in range(given.rounds):
                for data, found in speeds.items():
                    (at / "pipeline.config").write_text(test.write_config(data, "train.record-*"))
                    said = test.run("train", "--pipeline_config_path", "pipeline.config", "--model_dir", f"m{id(data)}{len(found)}",
                                    "--no_eval", "--num_train_steps", given.steps, "--log_every", given.steps // 3,
                                    endpoint=line.url)
                    rates = [float(rate) for rate in re.findall(r"([\d.]+) img/s", said)]
                    waits = re.findall(r"waits for data .*? of the time", said)
                    found.append(statistics.mean(rates[1:]))
                    print(data, rates, waits, flush=True)
            local, remote = (statistics.median(found) for found in speeds.values())
            print(f"local {local:.1f} img/s, {given.store} with {given.milliseconds:g} ms added {remote:.1f} img/s: "
                  f"{100 * remote / local:.1f} %")
        finally:
            server.stop()


if __name__ == "__main__":
    main()

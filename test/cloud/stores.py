#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Trains from and into an object store, kills that training, evaluates, exports and fine-tunes from it, also through a
line that fails, and holds all of it against the same on local files: bit for bit.

usage: stores.py ODT CONFIG PYTHON STORE
    CONFIG: examples/shapes.config; PYTHON: an interpreter with the package of STORE (seaweedfs, fake-gcs-server,
    gcp-storage-emulator) beside it (without: status 77)
"""
import pathlib
import random
import signal
import subprocess
import sys
import tempfile
import time

from servers import SERVERS, Proxy, by_chance, clean_environment

STEPS = 12


class Test:
    def __init__(self, odt, config, server, at):
        self.odt, self.server, self.at, self.environment = odt, server, at, {}
        self.endpoint = f"http://127.0.0.1:{server.port}"
        self.config = config.read_text()
        for value, small in (("height: 256 width: 256", "height: 64 width: 64"), ("batch_size: 16", "batch_size: 2")):
            assert value in self.config, f"{config} has no {value}"
            self.config = self.config.replace(value, small)

    def start(self, *words, endpoint=None):
        environment = {**clean_environment(), "HOME": str(self.at), **self.environment,
                       **self.server.environment(endpoint or self.endpoint)}
        return subprocess.Popen([str(word) for word in (self.odt, *words)], cwd=self.at, env=environment, text=True,
                                stdout=subprocess.PIPE, stderr=subprocess.STDOUT)

    def run(self, *words, endpoint=None, status=0):
        process = self.start(*words, endpoint=endpoint)
        said, _ = process.communicate(timeout=600)
        if process.returncode != status:
            sys.exit(f"odt {' '.join(map(str, words))}: status {process.returncode}, not {status}\n{said}")
        return said

    def train(self, config, model):
        return ("train", "--pipeline_config_path", config, "--model_dir", model, "--no_eval", "--num_train_steps", STEPS,
                "--save_checkpoints_steps", 3, "--threads", 1, "--data_threads", 1)

    def write_config(self, data, records):
        """The text of a config whose data lies in that folder."""
        return (self.config.replace("runs/shapes/data", data).replace("train.record", records)
                .replace("val.record", "val.record-*"))

    def expect_same(self, model):
        """The bits of the local training; only the config's own text names other places."""
        last = f"model.ckpt-{STEPS}"
        process = self.start("checkpoint", "diff", f"local/{last}", self.server.path(f"{model}/{last}"))
        said, _ = process.communicate()
        differing = [line.split()[0] for line in said.splitlines() if line.startswith("  ")]
        assert differing == ["odt/pipeline_config"] and "tensors are equal" in said, f"{model} differs:\n{said}"
        assert b'model_checkpoint_path: "' + last.encode() in self.server.get(f"{model}/checkpoint")

    def prepare(self):
        self.run("shapes", "--output", "photos", "--count", 60)
        for output in ("data", self.server.path("data")):
            self.run("convert", "labelimg", "--images", "photos/images", "--annotations", "photos/annotations", "--output",
                     output, "--shards", 5)
        for path in sorted((self.at / "data").iterdir()):
            assert self.server.get(f"data/{path.name}") == path.read_bytes(), f"{path.name} differs in the bucket"
        (self.at / "pipeline.config").write_text(self.write_config("data", "train.record-*"))
        self.server.put("pipeline.config", self.write_config(self.server.path("data"), "train.record@5").encode())
        self.run(*self.train("pipeline.config", "local"))

    def train_here(self):
        began = time.monotonic()
        self.run(*self.train(self.server.path("pipeline.config"), self.server.path("plain")))
        self.seconds = time.monotonic() - began
        self.expect_same("plain")
        events = [key for key in self.server.keys("plain") if "tfevents" in key]
        assert len(events) >= 2 and events == sorted(events), events
        assert "values under" in self.run("inspect", self.server.path(events[-1]))
        print(f"trained: the same bits as on local files, events in {len(events)} files", flush=True)

    def other_commands(self):
        plain = self.server.path("plain")
        said = self.run("inspect", plain)
        assert f"{STEPS}" in said, said
        self.run("eval", "--pipeline_config_path", self.server.path("pipeline.config"), "--checkpoint_dir", plain,
                 "--run_once")
        assert any("tfevents" in key for key in self.server.keys("plain/eval_0") + self.server.keys("plain/eval"))
        self.run("export", "--format", "onnx", "--trained_checkpoint_prefix", plain, "--output_directory",
                 self.server.path("exported"))
        assert self.server.get("exported/model.onnx")
        tuned = self.write_config(self.server.path("data"), "train.record-*").replace(
            "train_config {", f'train_config {{ fine_tune_checkpoint: "{plain}/model.ckpt-{STEPS}" '
                              'fine_tune_checkpoint_type: "detection" ', 1)
        self.server.put("tuned.config", tuned.encode())
        said = self.run(*self.train(self.server.path("tuned.config"), "tuned"))
        assert "restored" in said, said
        print("evaluated, exported and fine-tuned from", plain, flush=True)

    def kill(self, times):
        """-9 at random moments; each time the pointer leads to a checkpoint that is whole."""
        model, kills = "killed", 0
        for _ in range(20 * times):
            process = self.start(*self.train(self.server.path("pipeline.config"), self.server.path(model)))
            try:
                said, _ = process.communicate(timeout=random.uniform(0.1, 0.7) * self.seconds if kills < times else None)
            except subprocess.TimeoutExpired:
                process.kill()
                said, _ = process.communicate()
                kills += 1
            if process.returncode == 0:
                break
            if process.returncode != -signal.SIGKILL:
                sys.exit(f"after a kill: status {process.returncode}\n{said}")
            if any(key.endswith("/checkpoint") for key in self.server.keys(model)):
                self.run("inspect", self.server.path(model))
        self.expect_same(model)
        assert kills
        print(f"{kills} kills, and the same bits", flush=True)

    def through_trouble(self):
        kinds = ["500", "503", "reset", "lost", "cut", "slow"] + (["expired"] if self.server.scheme == "s3" else [])
        proxy = Proxy(self.server.port, by_chance(0.3, *kinds))
        self.run(*self.train(self.server.path("pipeline.config"), self.server.path("troubled")), endpoint=proxy.url)
        self.expect_same("troubled")
        proxy.stop()
        assert len(proxy.counts) >= 5, proxy.counts
        print("through trouble, and the same bits:", proxy.counts, flush=True)

    def denied(self):
        proxy = Proxy(self.server.port, lambda method, path: "403")
        said = self.run("inspect", self.server.path("plain/checkpoint"), endpoint=proxy.url, status=1)
        assert "403" in said and self.server.path("plain/checkpoint") in said, said
        assert len(proxy.requests) < 5, "what is denied is not asked for again and again"
        proxy.stop()
        print("denied:", said.strip().splitlines()[-1], flush=True)

    def changed(self):
        """An object that is replaced between its opening and a read ends the command, by its name."""
        if not self.server.checks_versions:
            return print("changed: left out, as this server does not look at versions", flush=True)
        name = "train.record-00002-of-00005"
        before = self.server.get(f"data/{name}")

        def replace(method, path):
            if method == "GET" and name in path and (self.server.scheme == "s3" or "alt=media" in path):
                self.server.put(f"data/{name}", before[::-1])
            return ""
        proxy = Proxy(self.server.port, replace)
        said = self.run(*self.train(self.server.path("pipeline.config"), "changed"), endpoint=proxy.url, status=1)
        proxy.stop()
        self.server.put(f"data/{name}", before)
        assert f"{name}: was changed" in said, said
        print("changed:", said.strip().splitlines()[-1], flush=True)

    def hundreds_of_shards(self):
        if not self.server.takes_empty_objects:
            return print("300 shards: left out, as this server takes no empty ones", flush=True)
        self.run("convert", "labelimg", "--images", "photos/images", "--annotations", "photos/annotations", "--output",
                 self.server.path("many"), "--shards", 300)
        self.server.put("many.config", self.write_config(self.server.path("many"), "train.record@300").encode())
        began = time.monotonic()
        self.run(*self.train(self.server.path("many.config"), "many"))
        print(f"300 shards: {time.monotonic() - began:.1f} s", flush=True)


def main():
    odt, config, python, store = sys.argv[1:]
    kind = SERVERS[store]
    if not kind.found(python):
        print(f"SKIPPED: there is no {store} beside {python}")
        sys.exit(77)
    random.seed(1)
    with tempfile.TemporaryDirectory() as folder:
        (pathlib.Path(folder) / "server").mkdir()
        server = kind(pathlib.Path(folder) / "server", pathlib.Path(python).absolute())
        try:
            test = Test(pathlib.Path(odt).absolute(), pathlib.Path(config), server, pathlib.Path(folder))
            test.prepare()
            test.train_here()
            test.other_commands()
            test.kill(4)
            test.through_trouble()
            test.denied()
            test.changed()
            test.hundreds_of_shards()
        finally:
            server.stop()


if __name__ == "__main__":
    main()

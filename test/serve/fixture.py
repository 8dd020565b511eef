# SPDX-License-Identifier: MIT
"""What the scripts of this folder share: a small trained model, and the program that serves it."""
import base64
import contextlib
import http.client
import json
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time


def run(*command, at=None):
    done = subprocess.run([str(c) for c in command], cwd=at, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if done.returncode:
        sys.exit(f"{' '.join(map(str, command))}: status {done.returncode}\n{done.stdout}")
    return done.stdout


@contextlib.contextmanager
def workplace(odt, config, steps=2):
    """A directory with photos/images, data, model (a model_dir) and exports (of the versions 1 and 2)."""
    with tempfile.TemporaryDirectory(prefix="odt-serve-") as name:
        at = pathlib.Path(name)
        run(odt, "shapes", "--output", "photos", "--count", "12", at=at)
        run(odt, "convert", "labelimg", "--images", "photos/images", "--annotations", "photos/annotations", "--output",
            "data", "--seed", "1", at=at)
        text = pathlib.Path(config).read_text().replace("runs/shapes/data", "data")
        (at / "pipeline.config").write_text(text.replace("height: 256 width: 256", "height: 96 width: 96"))
        run(odt, "train", "--pipeline_config_path", "pipeline.config", "--model_dir", "model", "--num_train_steps", steps,
            "--no_eval", "--config_override", "train_config { batch_size: 4 }", at=at)
        for version in ("1", "00000002"):
            export(odt, at, version)
        yield at


def export(odt, at, version):
    """A new version, in one step as others see it."""
    making = at / f"making-{version}"
    run(odt, "export", "--trained_checkpoint_prefix", "model", "--output_directory", making, "--python", "/none", at=at)
    (at / "exports").mkdir(exist_ok=True)
    making.rename(at / "exports" / version)


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Server:
    def __init__(self, odt, *flags, at=None, rest=True, grpc=False):
        self.port = free_port() if rest else None
        self.grpc_port = free_port() if grpc else None
        ports = (["--rest_api_port", self.port] if rest else []) + (["--port", self.grpc_port] if grpc else [])
        self.log = tempfile.NamedTemporaryFile("w+", prefix="odt-serve-", suffix=".log")
        self.process = subprocess.Popen([str(c) for c in (odt, "serve", *ports, *flags)], cwd=at, stdout=self.log,
                                        stderr=subprocess.STDOUT)
        self.wait_until(lambda: "a page for people" in self.said() or "gRPC: " in self.said(), 60)

    def said(self):
        return pathlib.Path(self.log.name).read_text()

    def wait_until(self, good, seconds=20):
        end = time.monotonic() + seconds
        while not good():
            if self.process.poll() is not None:
                sys.exit(f"odt serve ended with {self.process.returncode}:\n{self.said()}")
            if time.monotonic() > end:
                sys.exit(f"waited in vain for {seconds} s:\n{self.said()}")
            time.sleep(0.05)

    def ask(self, path, body=None, method=None, headers=None, timeout=30):
        """Status, headers and body."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)
        try:
            # As `curl -d` sends it: a form, which it is not.
            form = {"Content-Type": "application/x-www-form-urlencoded"} if body is not None else {}
            connection.request(method or ("GET" if body is None else "POST"), path, body, {**form, **(headers or {})})
            answer = connection.getresponse()
            return answer.status, answer.headers, answer.read()
        finally:
            connection.close()

    def json(self, path, body=None, status=200, **how):
        got, _, text = self.ask(path, body if body is None or isinstance(body, (str, bytes)) else json.dumps(body), **how)
        assert got == status, f"{path}: {got}, not {status}: {text[:500]}"
        return json.loads(text)

    def state(self, name="m"):
        """Version -> (state, message)."""
        return {int(one["version"]): (one["state"], one["status"]["error_message"])
                for one in self.json(f"/v1/models/{name}")["model_version_status"]}

    def memory(self):
        """Resident MiB."""
        status = pathlib.Path(f"/proc/{self.process.pid}/status").read_text()
        return int(re.search(r"VmRSS:\s+(\d+)", status).group(1)) / 1024

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        status = self.process.wait(timeout=30)
        assert status == 0, f"status {status} after SIGTERM:\n{self.said()}"

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        if kind is None and self.process.poll() is None:
            self.stop()
        elif self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        if kind is not None:
            print(self.said(), file=sys.stderr)


def photos(at):
    return sorted((at / "photos/images").glob("*.jpg")) or sorted((at / "photos/images").glob("*"))


def b64(data):
    return {"b64": base64.b64encode(data).decode()}


def copy_version(at, source, target):
    """Copies a version the careful way."""
    shutil.copytree(at / "exports" / source, at / f"making-{target}")
    (at / f"making-{target}").rename(at / "exports" / target)

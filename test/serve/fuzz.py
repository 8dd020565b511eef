#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Sends `odt serve` what no client should: broken HTTP, JSON, pictures and gRPC bytes, paths that would lead out, and
requests that come a byte at a time. It neither ends nor stops answering.

usage: fuzz.py ODT CONFIG [--requests N] [--seed N]    (CONFIG: examples/shapes.config)
"""
import argparse
import base64
import json
import os
import pathlib
import random
import socket
import struct
import threading
import time

from fixture import Server, photos, workplace

PREDICT = "/v1/models/m:predict"
GOOD = json.dumps({"instances": [[[[1, 2, 3]]]]}).encode()


def exchange(port, data, timeout=10, wait=True):
    """Sends bytes and reads one answer; what the server does with the connection is its affair."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=timeout) as s:
            s.sendall(data)
            if wait:
                s.shutdown(socket.SHUT_WR)
                text = b""
                while more := s.recv(65536):
                    text += more
                return text
    except OSError:
        pass
    return b""


def mutated(random_, data):
    data = bytearray(data)
    for _ in range(random_.choice((1, 1, 2, 4, 16))):
        at = random_.randrange(len(data) + 1)
        kind = random_.randrange(6)
        if kind == 0 and at < len(data):
            data[at] ^= 1 << random_.randrange(8)
        elif kind == 1:
            data[at:at] = random_.choice((b"\0", b"\xff", b"\r\n", b"[", b"{", b'"', b"9" * 30, b"-", b"NaN", b"\\u",
                                          b"%", b"\r\n\r\n", b"/../", random_.randbytes(8)))
        elif kind == 2:
            del data[at:at + random_.randrange(1, 40)]
        elif kind == 3:
            data[at:at] = data[at:at + random_.randrange(1, 60)]
        elif kind == 4:
            data[at:] = b""
        elif at < len(data):
            data[at] = random_.randrange(256)
        if not data:
            break
    return bytes(data)


def http(body, path=PREDICT, method="POST", headers=""):
    return f"{method} {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(body)}\r\n{headers}\r\n".encode() + body


def picture_headers():
    """Small files that claim to be large, and one of many scans."""
    png = b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + b"IHDR" + struct.pack(">II", 60000, 60000) + b"\x08\x02\0\0\0" + b"\0" * 4
    gif = b"GIF89a" + struct.pack("<HH", 65535, 65535) + b"\0\0\0"
    bmp = b"BM" + b"\0" * 12 + struct.pack("<Iii", 40, 60000, 60000) + b"\1\0\x18\0" + b"\0" * 24
    return [png, gif, bmp]


def scans(jpeg, count):
    """Its scan again and again."""
    at = jpeg.index(b"\xff\xda")
    end = jpeg.rindex(b"\xff\xd9")
    return jpeg[:at] + jpeg[at:end] * count + jpeg[end:]


def traversals():
    names = []
    for up in ("..", "%2e%2e", ".%2e", "%252e%252e", "..%00", "..;", "..\\", "%c0%ae%c0%ae", "．．"):
        for separator in ("/", "%2f", "\\", "%5c", "//"):
            for end in ("etc/passwd", "exports/1/pipeline.config", "model/checkpoint"):
                names.append("/" + separator.join([up] * 6 + [end]))
                names.append("/v1/models/" + separator.join([up] * 6 + [end]))
                names.append("/v1/models/m/versions/" + separator.join([up] * 3 + [end]) + "/metadata")
    return names + ["/etc/passwd", "//etc/passwd", "/file:///etc/passwd", "/page.js/../../etc/passwd", "/~root", "/proc/self/environ",
                    "/v1/models//etc/passwd", "/v1/models/%2fetc%2fpasswd"]


def check_traversals(server):
    for path in traversals():
        text = exchange(server.port, f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        status = int(text[9:12]) if text.startswith(b"HTTP/1.1 ") else 0
        assert status in (400, 404), (path, text[:300])
        for secret in (b"root:", b"feature_extractor", b"model_checkpoint_path"):
            assert secret not in text, (path, text[:300])


def check_slow(server):
    """Connections that send a byte now and then do not keep others waiting."""
    slow = []
    for i in range(200):
        s = socket.create_connection(("127.0.0.1", server.port), timeout=10)
        s.sendall((b"G", b"POST /v1/models/m:predict HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\n{")[i % 2])
        slow.append(s)
    for _ in range(20):
        for s in slow[::7]:
            try:
                s.sendall(b"x")
            except OSError:
                pass
        begin = time.monotonic()
        assert server.json(PREDICT, GOOD)["predictions"]
        assert time.monotonic() - begin < 5
    for s in slow:
        s.close()


def check_pictures(server, at):
    path = PREDICT
    jpeg = photos(at)[0].read_bytes()

    def refused(data):
        body = json.dumps({"instances": [{"b64": base64.b64encode(data).decode()}]})
        return server.json(path, body, status=400)["error"]
    for data in picture_headers():
        assert "too many" in refused(data) or "pixels" in refused(data), refused(data)
    assert "scans" in refused(scans(jpeg, 150))
    assert refused(jpeg[:len(jpeg) // 2])


def frame(kind, flags, stream, payload):
    return struct.pack(">I", len(payload))[1:] + bytes([kind, flags]) + struct.pack(">I", stream) + payload


def grpc_call(message, path=b"/tensorflow.serving.PredictionService/Predict"):
    """HTTP/2 by hand: the preface, settings, headers and one message."""
    def literal(name, value):
        return b"\0" + bytes([len(name)]) + name + bytes([len(value)]) + value
    headers = b"".join(literal(*h) for h in ((b":method", b"POST"), (b":scheme", b"http"), (b":path", path),
                                             (b":authority", b"localhost"), (b"te", b"trailers"),
                                             (b"content-type", b"application/grpc")))
    body = b"\0" + struct.pack(">I", len(message)) + message
    return (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + frame(4, 0, 0, b"") + frame(1, 4, 1, headers) +
            b"".join(frame(0, 0, 1, body[i:i + 16000]) for i in range(0, len(body), 16000)) + frame(0, 1, 1, b""))


def field(number, data):
    length, out = len(data), b""
    while length > 127:
        out += bytes([length & 127 | 128])
        length >>= 7
    return bytes([number << 3 | 2]) + out + bytes([length]) + data


def predict_message(jpeg):
    tensor = b"\x08\x07" + field(2, field(2, b"\x08\x01")) + field(8, jpeg)
    return field(1, field(1, b"m")) + field(2, field(1, b"inputs") + field(2, tensor))


def pixel_message():
    shape = b"".join(field(2, b"\x08" + bytes([n])) for n in (1, 4, 5, 3))
    return field(1, field(1, b"m")) + field(2, field(1, b"inputs") + field(2, b"\x08\x04" + field(2, shape) +
                                                                          field(7, bytes(range(60)))))


def seeds(at):
    jpeg = photos(at)[0].read_bytes()
    row = json.dumps({"signature_name": "serving_default", "instances": [{"inputs": [[[1, 2.5, 3e1], [4, 5, -6]]]}],
                      "output_filter": ["num_detections"]}).encode()
    texts = [GOOD, row, json.dumps({"inputs": {"b64": base64.b64encode(jpeg).decode()}}).encode(),
             b'{"instances": [NaN, -Infinity, 1e400, "\\u0041\\ud83d\\ude00", null, true, {}]}']
    return jpeg, texts


def fuzz(server, at, count, seed, thread):
    random_ = random.Random(f"{seed}.{thread}")
    jpeg, texts = seeds(at)
    for _ in range(count):
        kind = random_.randrange(10)
        if kind < 3:
            data = http(mutated(random_, random_.choice(texts)))
        elif kind < 5:
            data = mutated(random_, http(random_.choice(texts), headers=random_.choice(("", "Transfer-Encoding: chunked\r\n",
                                                                                         "Content-Encoding: gzip\r\n"))))
        elif kind < 8:
            picture = base64.b64encode(mutated(random_, jpeg)).decode()
            data = http(json.dumps({"instances": [{"b64": picture}]}).encode())
        elif kind < 9 and server.grpc_port:
            message = random_.choice((predict_message(jpeg), pixel_message()))
            message = mutated(random_, message)
            call = grpc_call(message)
            exchange(server.grpc_port, call if random_.random() < 0.8 else mutated(random_, call), timeout=2,
                     wait=random_.random() < 0.5)
            continue
        else:
            data = mutated(random_, f"GET {random_.choice(('/', '/v1/models/m', '/v1/models/m/metadata', '/healthz'))} "
                                    f"HTTP/1.1\r\nHost: localhost\r\nX-{random_.randrange(99)}: y\r\n\r\n".encode())
        exchange(server.port, data, wait=random_.random() < 0.9)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("odt")
    parser.add_argument("config")
    parser.add_argument("--requests", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=1)
    flags = parser.parse_args()
    odt, config = pathlib.Path(flags.odt).resolve(), pathlib.Path(flags.config).resolve()
    with workplace(odt, config) as at, Server(odt, "--model_name", "m", "--model_base_path", "exports", at=at,
                                              grpc="ODT_WITHOUT_GRPC" not in os.environ) as server:
        check_traversals(server)
        print("no path leads out")
        check_slow(server)
        print("slow clients hold up nobody")
        check_pictures(server, at)
        print("pictures that would take too much are refused")
        before, threads = server.memory(), 4
        pool = [threading.Thread(target=fuzz, args=(server, at, flags.requests // threads, flags.seed, i))
                for i in range(threads)]
        for one in pool:
            one.start()
        while any(one.is_alive() for one in pool):
            assert server.process.poll() is None, f"odt serve ended with {server.process.returncode}:\n{server.said()}"
            assert server.json(PREDICT, GOOD)["predictions"]
            time.sleep(0.2)
        assert server.json(PREDICT, GOOD)["predictions"]
        print(f"{flags.requests} broken requests: it still answers; memory {before:.0f} -> {server.memory():.0f} MiB")


if __name__ == "__main__":
    main()

#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Has real clients of TensorFlow Serving ask `odt serve`: min-tfs-client, tensorflow-serving-client-grpc, the official
resnet_client.py's and resnet_client_grpc.py's way, and Prodigy's recipe's.

usage: clients.py ODT CONFIG PYTHON    (PYTHON has the clients; status 77 where it has not)
"""
import json
import pathlib
import subprocess
import sys

from fixture import Server, b64, photos, workplace

PACKAGES = "protobuf==3.20.3 grpcio min-tfs-client tensorflow-serving-client-grpc numpy"


def main():
    odt, config = (pathlib.Path(a).resolve() for a in sys.argv[1:3])
    python = sys.argv[3]
    try:
        there = subprocess.run([python, "-c", "import grpc, min_tfs_client.requests"], capture_output=True).returncode == 0
    except OSError:
        there = False
    if not there:
        print(f"skipped: {python} has no min-tfs-client and tensorflow-serving-client-grpc; pip install {PACKAGES}")
        sys.exit(77)
    done = subprocess.run([odt, "serve", "--port", "1"], capture_output=True, text=True,
                          timeout=60)
    if "without gRPC" in done.stderr:
        print("skipped: odt was built without gRPC (libgrpc++-dev)")
        sys.exit(77)
    with workplace(odt, config) as at, Server(odt, "--model_name", "m", "--model_base_path", "exports", at=at,
                                              grpc=True) as server:
        photo = photos(at)[0]
        row = server.json("/v1/models/m:predict", {"instances": [b64(photo.read_bytes())]})["predictions"][0]
        (at / "wanted.json").write_text(json.dumps(row))
        script = pathlib.Path(__file__).with_name("grpc_clients.py")
        subprocess.run([python, script, str(server.grpc_port), photo, at / "wanted.json", at / "exports"], check=True,
                       timeout=300)
        metrics = server.ask("/monitoring/prometheus/metrics")[2].decode()
        assert ':tensorflow:serving:request_count{model_name="m",API="GRPC",status="OK"}' in metrics
        resnet_client(server, photo, row)
    with workplace(odt, config) as at, Server(odt, "--model_name", "m", "--model_base_path", "exports", "--token",
                                              "secret", at=at, rest=False, grpc=True) as server:
        subprocess.run([python, script, str(server.grpc_port), "token"], check=True, timeout=60)


def resnet_client(server, photo, row):
    """resnet_client.py sends the picture's bytes as JSON, a few times over one connection, and times it."""
    import http.client
    import base64
    request = '{"instances" : [{"b64": "%s"}]}' % base64.b64encode(photo.read_bytes()).decode("utf-8")
    connection = http.client.HTTPConnection("127.0.0.1", server.port)
    for _ in range(3):
        connection.request("POST", "/v1/models/m:predict", request)
        answer = connection.getresponse()
        assert answer.status == 200
        prediction = json.loads(answer.read())["predictions"][0]
        assert prediction["detection_scores"] == row["detection_scores"]
    connection.close()


if __name__ == "__main__":
    main()

#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Asks `odt serve` what clients of TensorFlow Serving ask by REST, and compares with `odt detect`.

usage: rest.py ODT CONFIG    (CONFIG: examples/shapes.config)
"""
import gzip
import json
import math
import pathlib
import shutil
import sys
import time

from fixture import Server, b64, copy_version, export, photos, run, workplace

OUTPUTS = {"detection_boxes", "detection_scores", "detection_classes", "num_detections"}


def found_by_detect(odt, at, version):
    run(odt, "detect", "--checkpoint", f"exports/{version}", "--output", f"found-{version}", "--no_pictures",
        *photos(at), at=at)
    scores = {}
    for one in json.loads((at / f"found-{version}/detections.json").read_text()):
        scores.setdefault(pathlib.Path(one["file_name"]).name, []).append((one["score"], one["category_id"]))
    return scores


def check_predictions(odt, at, server):
    names = photos(at)
    answer = server.json("/v1/models/m:predict", {"instances": [b64(p.read_bytes()) for p in names]})
    assert set(answer) == {"predictions"} and len(answer["predictions"]) == len(names)
    wanted = found_by_detect(odt, at, "00000002")
    for name, row in zip(names, answer["predictions"]):
        assert set(row) == OUTPUTS, set(row)
        count = int(row["num_detections"])
        assert len(row["detection_boxes"]) == len(row["detection_scores"]) == len(row["detection_classes"]) == 100
        assert row["detection_classes"][count:] == [1.0] * (100 - count), "padded slots are of class 1"
        assert row["detection_scores"][count:] == [0.0] * (100 - count)
        found = wanted.get(name.name, [])
        assert len(found) == count, (name, count, len(found))
        assert all(math.isclose(a, b, abs_tol=2e-5) for a, (b, _) in zip(row["detection_scores"], found)), name
        assert row["detection_classes"][:count] == [float(label) for _, label in found], name
    print(f"{len(names)} photos: as odt detect finds them")
    return answer["predictions"]


def check_forms_of_requests(at, server, rows):
    """The same photo in every way."""
    data = photos(at)[0].read_bytes()
    wanted = rows[0]["detection_scores"]
    path = "/v1/models/m:predict"
    for instances in ([b64(data)], [{"inputs": b64(data)}], [{"image_bytes": b64(data)}],
                      [{"encoded_image_string_tensor": b64(data)}]):
        assert server.json(path, {"instances": instances})["predictions"][0]["detection_scores"] == wanted
    for inputs in ([b64(data)], b64(data), {"inputs": [b64(data)]}, {"input_tensor": b64(data)}):
        outputs = server.json(path, {"inputs": inputs})["outputs"]
        assert set(outputs) == OUTPUTS and outputs["detection_scores"] == [wanted]
    body = json.dumps({"signature_name": "detection_signature", "instances": [b64(data)]})
    packed = server.json(path, gzip.compress(body.encode()), headers={"Content-Encoding": "gzip"})
    assert packed["predictions"][0]["detection_scores"] == wanted
    assert server.json("/V1/Models/m/VERSIONS/2:Predict", body)["predictions"][0]["detection_scores"] == wanted
    for headers in ({}, {"Content-Type": "application/json"}, {"Content-Type": "text/plain"}):
        assert server.json(path, body, headers=headers)["predictions"][0]["detection_scores"] == wanted
    one = server.json(path, {"instances": [b64(data)], "output_filter": ["num_detections"]})
    assert one["predictions"] == [rows[0]["num_detections"]], "a single output has no name"
    assert server.json(path, {"inputs": [b64(data)], "output_filter": ["num_detections", "detection_scores"]}
                       )["outputs"].keys() == {"num_detections", "detection_scores"}


def check_pixels(server):
    path = "/v1/models/m:predict"
    gray = [[[x * 3 % 256, y * 5 % 256, 128] for x in range(20)] for y in range(30)]
    rows = server.json(path, {"instances": [gray, gray]})["predictions"]
    assert len(rows) == 2 and rows[0] == rows[1]
    assert server.json(path, {"inputs": [gray]})["outputs"]["detection_scores"] == [rows[0]["detection_scores"]]
    text = json.dumps({"inputs": [gray]}).replace("128", "NaN", 1).replace("128", "Infinity", 1).replace("128", "-Inf", 1)
    scores = server.json(path, text)["outputs"]["detection_scores"]
    assert all(0 <= s <= 1 for s in scores[0])
    floats = [[[c + 0.5 for c in p] for p in row] for row in gray]
    assert server.json(path, {"instances": [{"input_tensor": floats}]})["predictions"]


def check_errors(server):
    def error(path, body=None, status=400, **how):
        return server.json(path, body, status=status, **how)["error"]

    path = "/v1/models/m:predict"
    assert error("/v1/models/none:predict", {"instances": [1]}, 404) == "Servable not found for request: Latest(none)"
    assert error("/v1/models/m/versions/77:predict", {"instances": [1]}, 404) == (
        "Servable not found for request: Specific(m, 77)")
    assert error("/v1/models/none", status=404) == "Could not find any versions of model none"
    assert error("/v1/models/m/versions/77", status=404) == "Could not find version 77 of model m"
    assert "label" in error("/v1/models/m/labels/gold:predict", {"instances": [1]})
    assert error(path, "").startswith("JSON Parse error: The document is empty.")
    assert "at offset: 14" in error(path, '{"instances": nonsense}')
    assert error(path, {}) == "Missing 'inputs' or 'instances' key"
    assert "only one of" in error(path, {"inputs": [1], "instances": [1]})
    assert "not found in signature" in error(path, {"signature_name": "gold", "instances": [1]})
    assert "alias not found" in error(path, {"instances": [{"picture": 1}]})
    assert "alias not found" in error(path, {"inputs": [[[[1, 2, 3]]]], "output_filter": ["gold"]})
    assert "has the shape" in error(path, {"instances": [1, 2, 3]})
    assert "base64" in error(path, {"instances": [{"b64": "*"}]})
    assert "neither a JPEG" in error(path, {"instances": [b64(b"nonsense")]})
    assert "occurs twice" in error(path, '{"instances": [1], "instances": [1]}')
    assert "nested too deeply" in error(path, '{"instances": ' + "[" * 10000 + "]" * 10000 + "}")
    assert "Malformed request" in error("/v1/models/m:predict")
    assert "Malformed request" in error("/v1/other", {})
    assert "Malformed request" in error("/v1/models/m:guess", {})
    assert "Missing model name" in error("/v1/models")
    error("/v1/models/m:classify", {"examples": []}, 501)
    error("/v1/models/m:regress", {"examples": []}, 501)
    server.json(path, {"instances": [[[[1, 2, 3]]]]})  # and it still answers


def check_safety(server):
    path, body = "/v1/models/m:predict", json.dumps({"instances": [[[[1, 2, 3]]]]})
    assert server.ask(path, body, headers={"Origin": "https://evil.example"})[0] == 403
    assert server.ask("/", headers={"Host": "evil.example"})[0] == 403
    for at in ("/", "/page.js", path, "/nowhere"):
        _, headers, _ = server.ask(at)
        assert "default-src 'none'" in headers["Content-Security-Policy"], at
        assert headers["X-Content-Type-Options"] == "nosniff" and not headers["Access-Control-Allow-Origin"]
    status, headers, text = server.ask("/")
    assert status == 200 and headers["Content-Type"].startswith("text/html") and b"page.js" in text
    assert server.ask("/page.js")[1]["Content-Type"].startswith("text/javascript")
    overview = server.json("/odt/overview")
    assert overview["models"][0]["classes"] == ["circle", "square", "star", "triangle"], overview
    assert overview["metrics"]["requests"] > 0
    metrics = server.ask("/monitoring/prometheus/metrics")[2].decode()
    for part in (':tensorflow:serving:request_count{model_name="m",API="REST",status="OK"}',
                 ':tensorflow:serving:request_latency_seconds_bucket{model_name="m",le="+Inf"}',
                 'odt_model_version{model_name="m",version="2"} 1', "odt_batch_images_sum"):
        assert part in metrics, f"{part} is not in\n{metrics}"


def check_status(server):
    server.wait_until(lambda: server.state().get(2, ("",))[0] == "AVAILABLE")
    status = server.json("/v1/models/m")
    # A slow machine may have loaded the older version first.
    status["model_version_status"] = [one for one in status["model_version_status"] if one["state"] != "END"]
    assert status == {"model_version_status": [{"version": "2", "state": "AVAILABLE",
                                                "status": {"error_code": "OK", "error_message": ""}}]}, status
    assert server.json("/v1/models/m/versions/2") == status
    metadata = server.json("/v1/models/m/metadata")
    assert metadata["model_spec"] == {"name": "m", "signature_name": "", "version": "2"}
    signatures = metadata["metadata"]["signature_def"]["signature_def"]
    assert set(signatures) == {"serving_default", "detection_signature", "tensorflow/serving/predict"}
    inputs = signatures["serving_default"]["inputs"]["inputs"]
    assert inputs["dtype"] == "DT_UINT8" and [d["size"] for d in inputs["tensor_shape"]["dim"]] == ["-1", "-1", "-1", "3"]
    outputs = signatures["serving_default"]["outputs"]
    assert set(outputs) == OUTPUTS and all(o["dtype"] == "DT_FLOAT" for o in outputs.values())


def check_versions(odt, at, server):
    """New ones come, half copied ones wait, bad ones are reported, and what answers stays."""
    exports = at / "exports"
    export(odt, at, "3")
    server.wait_until(lambda: server.state().get(3, ("",))[0] == "AVAILABLE")
    server.wait_until(lambda: server.state().get(2, ("END",))[0] == "END")
    # Half a version: only its config, then everything but the end of the values.
    (exports / "4").mkdir()
    shutil.copy(exports / "3/pipeline.config", exports / "4")
    server.wait_until(lambda: server.state().get(4, ("",))[0] == "START")
    assert "waits for a checkpoint" in server.state()[4][1]
    for path in (exports / "3").glob("*"):
        if path.is_file():
            shutil.copy(path, exports / "4")
    data = exports / "4/model.ckpt.data-00000-of-00001"
    whole = data.read_bytes()
    data.write_bytes(whole[:len(whole) // 2])
    server.wait_until(lambda: server.state().get(4, ("",))[0] == "END")
    assert server.state()[4][1] and server.state()[3][0] == "AVAILABLE", server.state()
    data.write_bytes(whole)  # now it is whole
    server.wait_until(lambda: server.state().get(4, ("",))[0] == "AVAILABLE")
    # Nonsense, and what is no version.
    (exports / "5").mkdir()
    for name in ("pipeline.config", "model.ckpt.index", "model.ckpt.data-00000-of-00001", "checkpoint"):
        (exports / "5" / name).write_text("nonsense {")
    for name in ("temp", "-7", "6x", "99999999999999999999"):
        shutil.copytree(exports / "3", exports / name)
    (exports / "8").write_text("a file")
    server.wait_until(lambda: server.state().get(5, ("",))[0] == "END")
    assert server.state()[4][0] == "AVAILABLE" and set(server.state()) <= {2, 3, 4, 5}, server.state()
    server.json("/v1/models/m:predict", {"instances": [[[[1, 2, 3]]]]})
    # The directory goes away: what is loaded stays.
    exports.rename(at / "away")
    time.sleep(2.5)
    server.json("/v1/models/m:predict", {"instances": [[[[1, 2, 3]]]]})
    (at / "away").rename(exports)
    # The newest is deleted: the one before it takes its place.
    shutil.rmtree(exports / "4")
    shutil.rmtree(exports / "5")
    server.wait_until(lambda: server.state().get(3, ("",))[0] == "AVAILABLE")
    server.wait_until(lambda: server.state().get(4, ("END",))[0] == "END")


def check_config_file(odt, at):
    copy_version(at, "1", "10")
    (at / "models.config").write_text(f"""model_config_list {{
  config {{ name: "two words" base_path: "{at}/exports" model_platform: "tensorflow"
    model_version_policy {{ specific {{ versions: 1 versions: 10 }} }}
    version_labels {{ key: "stable" value: 1 }} version_labels {{ key: "canary" value: 10 }} }}
  config {{ name: "steps" base_path: "{at}/model" }}
}}
""")
    (at / "batching.config").write_text("""max_batch_size { value: 4 } batch_timeout_micros { value: 2000 }
max_enqueued_batches { value: 2 } num_batch_threads { value: 2 } allowed_batch_sizes: 1 allowed_batch_sizes: 4
""")
    with Server(odt, "--model_config_file", "models.config", "--batching_parameters_file", "batching.config", at=at) as s:
        assert {v: state for v, (state, _) in s.state("two%20words").items()} == {10: "AVAILABLE", 1: "AVAILABLE"}
        assert set(s.state("steps")) == {2}, "a model_dir's checkpoints are versions"
        body = {"instances": [[[[1, 2, 3]]]]}
        for name in ("two%20words/labels/stable", "two%20words/labels/canary", "two%20words/versions/10", "steps"):
            s.json(f"/v1/models/{name}:predict", body)
        assert s.json("/v1/models/two%20words/labels/stable/metadata")["model_spec"]["version"] == "1"
        refused = s.json("/v1/models/steps:predict", {"instances": [body["instances"][0]] * 9}, status=503)["error"]
        assert "queue" in refused and "full" in refused, refused


def check_command_line(odt, at):
    import subprocess
    for flags, said in ((["--model_base_path", "exports"], "--rest_api_port"),
                        (["--rest_api_port", "8501"], "--model_base_path"),
                        (["--model_base_path", "exports", "--rest_api_port", "70000"], "70000"),
                        (["--model_config_file", "none", "--rest_api_port", "8501"], "none")):
        done = subprocess.run([odt, "serve", *flags], cwd=at, capture_output=True, text=True, timeout=60)
        assert done.returncode in (1, 2) and said in done.stderr, (flags, done.stderr)
    with Server(odt, "--model_name", "m", "--model_base_path", "exports", "--address", "0.0.0.0", at=at) as s:
        token = s.said().split("/?token=")[1].split()[0]
        assert s.ask("/v1/models/m")[0] == 401
        assert s.ask("/v1/models/m", headers={"Authorization": f"Bearer {token}"})[0] == 200
        status, headers, _ = s.ask(f"/?token={token}")
        assert status == 303 and headers["Location"] == "/", (status, headers["Location"])
        cookie = headers["Set-Cookie"]
        assert "HttpOnly" in cookie and "SameSite=Strict" in cookie
        assert s.ask("/", headers={"Cookie": cookie.split(";")[0]})[0] == 200


def check_warm_up(odt, at):
    """A version's own requests are answered before it takes its place; one that fails keeps it out."""
    def varint(number):
        out = b""
        while number > 127:
            out += bytes([number & 127 | 128])
            number >>= 7
        return out + bytes([number])

    def field(number, data):
        return varint(number << 3 | 2) + varint(len(data)) + data

    def record(data):
        def masked(bytes_):
            crc = 0xffffffff
            for byte in bytes_:
                crc ^= byte
                for _ in range(8):
                    crc = crc >> 1 ^ (0x82f63b78 if crc & 1 else 0)
            crc ^= 0xffffffff
            return ((crc >> 15 | crc << 17) + 0xa282ead8 & 0xffffffff).to_bytes(4, "little")
        length = len(data).to_bytes(8, "little")
        return length + masked(length) + data + masked(data)

    def log(picture):
        tensor = b"\x08\x07" + field(2, field(2, b"\x08\x01")) + field(8, picture)
        request = field(1, field(1, b"m")) + field(2, field(1, b"inputs") + field(2, tensor))
        return field(6, field(1, request))

    for version, picture in (("20", photos(at)[0].read_bytes()), ("21", b"nonsense")):
        copy_version(at, "1", version)
        extra = at / "exports" / version / "assets.extra"
        extra.mkdir()
        (extra / "tf_serving_warmup_requests").write_bytes(record(log(picture)) * 3)
    with Server(odt, "--model_name", "m", "--model_base_path", "exports", at=at) as s:
        state = s.state()
        assert state[20][0] == "AVAILABLE", state
        assert state[21][0] == "END" and "record 0" in state[21][1], state


def main():
    odt, config = (pathlib.Path(a).resolve() for a in sys.argv[1:3])
    with workplace(odt, config) as at:
        with Server(odt, "--model_name", "m", "--model_base_path", "exports", at=at) as server:
            rows = check_predictions(odt, at, server)
            check_forms_of_requests(at, server, rows)
            check_pixels(server)
            check_errors(server)
            check_safety(server)
            check_status(server)
            print("requests, errors, status and metadata: as TensorFlow Serving's")
            check_versions(odt, at, server)
            print("versions come, wait, fail and go")
        check_config_file(odt, at)
        check_command_line(odt, at)
        check_warm_up(odt, at)
        print("config files, flags, tokens, warm-up requests")


if __name__ == "__main__":
    main()

#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Has the official tensorflow-serving-api ask `odt serve` whatever its stubs can ask, with TensorFlow's own tensors.

usage: official.py ODT CONFIG    (CONFIG: examples/shapes.config; status 77 where tensorflow or tensorflow-serving-api
is missing, or odt has no gRPC)
"""
import pathlib
import shutil
import subprocess
import sys

from fixture import Server, photos, workplace

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "label"))
from peers import go_on_or_skip  # noqa: E402

try:
    import grpc
    import numpy as np
    import tensorflow as tf
    from google.protobuf import text_format
    from tensorflow_serving.apis import (classification_pb2, get_model_metadata_pb2, get_model_status_pb2,
                                         inference_pb2, model_management_pb2, model_service_pb2_grpc, predict_pb2,
                                         prediction_log_pb2, prediction_service_pb2_grpc, regression_pb2)
    from tensorflow_serving.config import model_server_config_pb2
except ImportError:
    go_on_or_skip("tensorflow-serving-api is not there (pip install --no-deps tensorflow-serving-api)")

Code = grpc.StatusCode
AVAILABLE = get_model_status_pb2.ModelVersionStatus.AVAILABLE


class Client:
    def __init__(self, port, photo):
        channel = grpc.insecure_channel(f"localhost:{port}", compression=grpc.Compression.Gzip)
        self.stub = prediction_service_pb2_grpc.PredictionServiceStub(channel)
        self.models = model_service_pb2_grpc.ModelServiceStub(channel)
        self.photo = photo.read_bytes()
        self.pixels = tf.io.decode_image(self.photo).numpy()[None]

    def request(self, values, name="inputs", model="m", signature="serving_default", **choice):
        asked = predict_pb2.PredictRequest()
        asked.model_spec.name, asked.model_spec.signature_name = model, signature
        if "version" in choice:
            asked.model_spec.version.value = choice["version"]
        if "label" in choice:
            asked.model_spec.version_label = choice["label"]
        asked.inputs[name].CopyFrom(tf.make_tensor_proto(values))
        return asked

    def predict(self, *args, **choice):
        return self.stub.Predict(self.request(*args, **choice), 60)

    def states(self, model):
        asked = get_model_status_pb2.GetModelStatusRequest()
        asked.model_spec.name = model
        return {s.version: s.state for s in self.models.GetModelStatus(asked, 30).model_version_status}


def code_of(call, asked):
    try:
        call(asked, 30)
    except grpc.RpcError as wrong:
        return wrong.code()
    raise AssertionError(f"no error: {asked}")


def predictions(client):
    answer = client.predict(client.pixels)
    assert answer.model_spec.version.value == 2
    wanted = {name: tf.make_ndarray(tensor) for name, tensor in answer.outputs.items()}
    assert wanted["detection_boxes"].shape == (1, 100, 4) and wanted["detection_scores"][0, 0] > 0
    feature = tf.train.Feature(bytes_list=tf.train.BytesList(value=[client.photo]))
    example = tf.train.Example(features=tf.train.Features(feature={"image/encoded": feature})).SerializeToString()
    for values, name in ((client.pixels.astype(np.float32), "input_tensor"), (client.photo, "image_bytes"),
                         ([client.photo], "inputs"), (example, "serialized_example"), ([example], "examples")):
        for output, tensor in client.predict(values, name).outputs.items():
            assert np.allclose(tf.make_ndarray(tensor), wanted[output], atol=1e-6), (name, output)
    repeated = client.request(client.pixels)  # one value stands for all
    repeated.inputs["inputs"].CopyFrom(tf.make_tensor_proto(127, dtype=tf.uint8, shape=[2, 32, 48, 3]))
    repeated.output_filter.append("num_detections")
    assert list(client.stub.Predict.future(repeated, 60).result().outputs) == ["num_detections"]


def refusals(client):
    filtered = client.request(client.pixels)
    filtered.output_filter.append("none")
    for asked, code in ((client.request(client.pixels, model="none"), Code.NOT_FOUND),
                        (client.request(client.pixels, version=9), Code.NOT_FOUND),
                        (client.request(client.pixels, label="stable"), Code.INVALID_ARGUMENT),
                        (client.request(client.pixels, signature="none"), Code.FAILED_PRECONDITION),
                        (client.request(client.pixels, "input_1"), Code.INVALID_ARGUMENT),
                        (client.request(np.zeros((1, 2, 2, 3), np.complex64)), Code.INVALID_ARGUMENT),
                        (client.request(b"no picture"), Code.INVALID_ARGUMENT), (filtered, Code.INVALID_ARGUMENT)):
        assert code_of(client.stub.Predict, asked) == code, asked.model_spec
    for call, asked in ((client.stub.Classify, classification_pb2.ClassificationRequest()),
                        (client.stub.Regress, regression_pb2.RegressionRequest()),
                        (client.stub.MultiInference, inference_pb2.MultiInferenceRequest())):
        assert code_of(call, asked) == Code.UNIMPLEMENTED


def metadata(client):
    asked = get_model_metadata_pb2.GetModelMetadataRequest(metadata_field=["signature_def"])
    asked.model_spec.name = "m"
    signatures = get_model_metadata_pb2.SignatureDefMap()
    assert client.stub.GetModelMetadata(asked, 30).metadata["signature_def"].Unpack(signatures)
    default = signatures.signature_def["serving_default"]
    assert default.method_name == "tensorflow/serving/predict" and default.inputs["inputs"].dtype == tf.uint8
    assert tf.TensorShape(default.outputs["detection_boxes"].tensor_shape).as_list() == [None, 100, 4]
    del asked.metadata_field[:]
    assert code_of(client.stub.GetModelMetadata, asked) == Code.INVALID_ARGUMENT


def management(client, at, server):
    """New models and labels, and a version with requests to warm up with, as resnet_warmup.py writes them."""
    config = text_format.Parse("""model_config_list {
      config { name: "m" base_path: "exports" model_platform: "tensorflow" model_version_policy { all {} }
               version_labels { key: "stable" value: 1 } version_labels { key: "canary" value: 2 } }
      config { name: "second" base_path: "exports" model_platform: "tensorflow" } }""",
                               model_server_config_pb2.ModelServerConfig())
    done = client.models.HandleReloadConfigRequest(model_management_pb2.ReloadConfigRequest(config=config), 120)
    assert done.status.error_code == 0, done
    for label, version in (("stable", 1), ("canary", 2)):
        assert client.predict(client.pixels, label=label).model_spec.version.value == version
    assert client.states("m") == {1: AVAILABLE, 2: AVAILABLE} and client.states("second")[2] == AVAILABLE
    making = at / "making-3"
    shutil.copytree(at / "exports/1", making)
    (making / "assets.extra").mkdir()
    log = prediction_log_pb2.PredictionLog()
    log.predict_log.request.CopyFrom(client.request([client.photo], "image_bytes"))
    with tf.io.TFRecordWriter(str(making / "assets.extra/tf_serving_warmup_requests")) as file:
        file.write(log.SerializeToString())
    making.rename(at / "exports/3")
    server.wait_until(lambda: client.states("second").get(3) == AVAILABLE, 60)


def main():
    odt, config = (pathlib.Path(a).resolve() for a in sys.argv[1:3])
    done = subprocess.run([odt, "serve", "--port", "1"], capture_output=True, text=True, timeout=60)
    if "without gRPC" in done.stderr:
        print("SKIPPED: odt was built without gRPC (libgrpc++-dev)")
        sys.exit(77)
    flags = "--model_name", "m", "--model_base_path", "exports"
    with workplace(odt, config) as at, Server(odt, *flags, at=at, rest=False, grpc=True) as server:
        client = Client(server.grpc_port, photos(at)[0])
        predictions(client)
        refusals(client)
        metadata(client)
        management(client, at, server)
        print(f"tensorflow-serving-api beside tensorflow {tf.__version__}")


if __name__ == "__main__":
    main()

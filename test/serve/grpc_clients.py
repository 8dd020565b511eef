# SPDX-License-Identifier: MIT
"""Run by clients.py with a Python that has the clients: PORT PHOTO WANTED EXPORTS, or PORT token."""
import json
import math
import pathlib
import sys

import grpc
import numpy as np
from min_tfs_client.requests import TensorServingClient
from min_tfs_client.tensors import ndarray_to_tensor_proto, tensor_proto_to_ndarray
from tensorflow.core.framework import tensor_pb2, tensor_shape_pb2, types_pb2
from tensorflow_serving.apis import (get_model_metadata_pb2, get_model_status_pb2, model_management_pb2, predict_pb2,
                                     prediction_service_pb2_grpc)

PORT = int(sys.argv[1])
SERVICE = "/tensorflow.serving."


def varint(number):
    out = b""
    while number > 127:
        out += bytes([number & 127 | 128])
        number >>= 7
    return out + bytes([number])


def field(number, data):
    return varint(number << 3 | 2) + varint(len(data)) + data


def example_of(photo, height, width):
    """A serialized tf.Example, written by hand: tf.train.Example needs TensorFlow."""
    def feature(key, kind, value):
        return field(1, field(1, key.encode()) + field(2, field(kind, value)))
    data = photo.read_bytes()
    features = (feature("image/height", 3, field(1, varint(height))) + feature("image/width", 3, field(1, varint(width))) +
                feature("image/filename", 1, field(1, photo.name.encode())) +
                feature("image/source_id", 1, field(1, photo.name.encode())) +
                feature("image/encoded", 1, field(1, data)) + feature("image/format", 1, field(1, b"jpeg")))
    return field(1, features)


def close(values, wanted):
    return len(values) == len(wanted) and all(math.isclose(a, b, abs_tol=1e-6) for a, b in zip(values, wanted))


def code_of(call):
    try:
        call()
    except grpc.RpcError as wrong:
        return wrong.code(), wrong.details()
    raise AssertionError("no error")


def min_tfs_client():
    client = TensorServingClient("localhost", PORT)
    pixels = np.full((1, 30, 40, 3), 127, np.uint8)
    response = client.predict_request("m", {"input_tensor": pixels}, timeout=60, model_version=2)
    scores = tensor_proto_to_ndarray(response.outputs["detection_scores"])
    assert scores.shape == (1, 100) and scores.dtype == np.float32 and scores[0, 0] > 0
    assert tensor_proto_to_ndarray(response.outputs["detection_boxes"]).shape == (1, 100, 4)
    for dtype in (np.float32, np.float64, np.int16, np.int32, np.int64, np.uint16, np.uint32, np.uint64):
        again = client.predict_request("m", {"input_tensor": pixels.astype(dtype)})
        assert close(again.outputs["detection_scores"].float_val, scores[0]), dtype
    assert response.model_spec.version.value == 2
    assert code_of(lambda: client.predict_request("none", {"inputs": pixels}))[0] == grpc.StatusCode.NOT_FOUND
    assert code_of(lambda: client.predict_request("m", {"gold": pixels}))[0] == grpc.StatusCode.INVALID_ARGUMENT
    print("min-tfs-client")


def recipe(photo, wanted):
    """Prodigy's recipe: a new channel an image, a scalar tf.Example, .float_val of the outputs, a name for every slot."""
    names = {1: "circle", 2: "square", 3: "star", 4: "triangle"}
    channel = grpc.insecure_channel(f"127.0.0.1:{PORT}")
    stub = prediction_service_pb2_grpc.PredictionServiceStub(channel)
    request = predict_pb2.PredictRequest()
    request.model_spec.name = "m"
    request.model_spec.signature_name = "serving_default"
    request.inputs["serialized_example"].CopyFrom(tensor_pb2.TensorProto(
        dtype=types_pb2.DT_STRING, tensor_shape=tensor_shape_pb2.TensorShapeProto(),
        string_val=[example_of(photo, 240, 320)]))
    result = stub.Predict(request, 300.0)
    scores = result.outputs["detection_scores"].float_val
    boxes = np.array(result.outputs["detection_boxes"].float_val).reshape(-1, 4)
    labels = [names[int(c)] for c in result.outputs["detection_classes"].float_val]
    assert close(scores, wanted["detection_scores"]) and len(boxes) == len(labels) == len(scores) == 100
    assert close(boxes[0], wanted["detection_boxes"][0])
    assert not result.outputs["detection_boxes"].tensor_content
    assert result.model_spec.version.value == 2 and result.model_spec.signature_name == "serving_default"
    channel.close()
    # image.servingmodel's request: pixels as tensor_content under detection_signature.
    request = predict_pb2.PredictRequest()
    request.model_spec.name = "m"
    request.model_spec.signature_name = "detection_signature"
    pixels = np.arange(240 * 320 * 3).astype(np.uint8).reshape(1, 240, 320, 3)
    for dtype, number in ((np.uint8, types_pb2.DT_UINT8), (np.float32, types_pb2.DT_FLOAT)):
        raw = tensor_pb2.TensorProto(dtype=number, tensor_content=pixels.astype(dtype).tobytes())
        half = tensor_pb2.TensorProto(dtype=types_pb2.DT_HALF, tensor_content=pixels.astype(np.float16).tobytes())
        for extent in pixels.shape:
            raw.tensor_shape.dim.add().size = extent
            half.tensor_shape.dim.add().size = extent
        typed = ndarray_to_tensor_proto(pixels.astype(dtype))
        answers = []
        for tensor in (raw, typed, half):
            request.inputs["inputs"].CopyFrom(tensor)
            with grpc.insecure_channel(f"localhost:{PORT}") as one:
                answers.append(prediction_service_pb2_grpc.PredictionServiceStub(one).Predict(request, 300.0))
        assert all(a.outputs["detection_scores"] == answers[0].outputs["detection_scores"] for a in answers)
    print("the recipe's requests")


def services(exports):
    channel = grpc.insecure_channel(f"localhost:{PORT}")
    stub = prediction_service_pb2_grpc.PredictionServiceStub(channel)
    request = get_model_metadata_pb2.GetModelMetadataRequest()
    request.model_spec.name = "m"
    request.metadata_field.append("signature_def")
    answer = stub.GetModelMetadata(request, 10)
    signatures = get_model_metadata_pb2.SignatureDefMap()
    answer.metadata["signature_def"].Unpack(signatures)
    assert "serving_default" in signatures.signature_def and answer.model_spec.version.value == 2
    outputs = signatures.signature_def["serving_default"].outputs
    assert outputs["detection_boxes"].dtype == types_pb2.DT_FLOAT
    assert [d.size for d in outputs["detection_boxes"].tensor_shape.dim] == [-1, 100, 4]

    def model(method, request, answer):
        return channel.unary_unary(f"{SERVICE}ModelService/{method}", request_serializer=type(request).SerializeToString,
                                   response_deserializer=answer.FromString)(request, 60)
    status = get_model_status_pb2.GetModelStatusRequest()
    status.model_spec.name = "m"
    states = model("GetModelStatus", status, get_model_status_pb2.GetModelStatusResponse).model_version_status
    assert [(s.version, s.state, s.status.error_code) for s in states] == [(2, 30, 0)], states
    status.model_spec.name = "none"
    code, details = code_of(lambda: model("GetModelStatus", status, get_model_status_pb2.GetModelStatusResponse))
    assert (code, details) == (grpc.StatusCode.NOT_FOUND, "Could not find any versions of model none")

    reload = model_management_pb2.ReloadConfigRequest()
    for name in ("m", "second"):
        one = reload.config.model_config_list.config.add()
        one.name, one.base_path = name, exports
    one.model_version_policy.specific.versions.append(1)
    one.version_labels["stable"] = 1
    assert model("HandleReloadConfigRequest", reload, model_management_pb2.ReloadConfigResponse).status.error_code == 0
    client = TensorServingClient("localhost", PORT)
    pixels = np.full((1, 30, 40, 3), 127, np.uint8)
    assert client.predict_request("second", {"inputs": pixels}).model_spec.version.value == 1
    by_label = predict_pb2.PredictRequest()
    by_label.model_spec.name, by_label.model_spec.version_label = "second", "stable"
    by_label.inputs["inputs"].CopyFrom(ndarray_to_tensor_proto(pixels))
    by_label.output_filter.append("num_detections")
    assert list(stub.Predict(by_label, 10).outputs) == ["num_detections"]
    one.base_path = exports + "/none"
    code, details = code_of(lambda: model("HandleReloadConfigRequest", reload, model_management_pb2.ReloadConfigResponse))
    assert "second" in details, details
    del reload.config.model_config_list.config[1]
    model("HandleReloadConfigRequest", reload, model_management_pb2.ReloadConfigResponse)
    assert code_of(lambda: client.predict_request("second", {"inputs": pixels}))[0] == grpc.StatusCode.NOT_FOUND

    check = channel.unary_unary("/grpc.health.v1.Health/Check")
    assert check(b"", timeout=5) == b"\x08\x01" and check(field(1, b"tensorflow.serving.PredictionService"),
                                                          timeout=5) == b"\x08\x01"
    nonsense = channel.unary_unary(f"{SERVICE}PredictionService/Predict")
    for data in (b"", b"\xff" * 50, field(1, field(1, b"m")), field(1, b"\xff")):
        assert code_of(lambda: nonsense(data, timeout=10))[0] == grpc.StatusCode.INVALID_ARGUMENT, data
    for method in ("Classify", "Regress", "MultiInference"):
        other = channel.unary_unary(f"{SERVICE}PredictionService/{method}")
        assert code_of(lambda: other(b"", timeout=5))[0] == grpc.StatusCode.UNIMPLEMENTED, method
    assert code_of(lambda: channel.unary_unary("/a.b/C")(b"", timeout=5))[0] == grpc.StatusCode.UNIMPLEMENTED
    late = predict_pb2.PredictRequest()
    late.model_spec.name = "m"
    late.inputs["inputs"].CopyFrom(ndarray_to_tensor_proto(pixels))
    assert code_of(lambda: stub.Predict(late, 0.000001))[0] == grpc.StatusCode.DEADLINE_EXCEEDED
    print("PredictionService, ModelService, Health")


def token():
    pixels = predict_pb2.PredictRequest()
    pixels.model_spec.name = "m"
    pixels.inputs["inputs"].CopyFrom(ndarray_to_tensor_proto(np.full((1, 30, 40, 3), 127, np.uint8)))
    stub = prediction_service_pb2_grpc.PredictionServiceStub(grpc.insecure_channel(f"localhost:{PORT}"))
    assert code_of(lambda: stub.Predict(pixels, 10))[0] == grpc.StatusCode.UNAUTHENTICATED
    for wrong in ("Bearer other", "secret", "Bearer"):
        assert code_of(lambda: stub.Predict(pixels, 10, metadata=[("authorization", wrong)]))[0] == (
            grpc.StatusCode.UNAUTHENTICATED)
    stub.Predict(pixels, 10, metadata=[("authorization", "Bearer secret")])
    print("the token")


if sys.argv[2] == "token":
    token()
else:
    PHOTO, WANTED = pathlib.Path(sys.argv[2]), json.loads(pathlib.Path(sys.argv[3]).read_text())
    min_tfs_client()
    recipe(PHOTO, WANTED)
    services(sys.argv[4])

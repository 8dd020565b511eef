// SPDX-License-Identifier: MIT
// For check_export.ipp: the Python programs that run an export. Each reads photos.json from the folder that is its
// first argument, runs the export of its second on each photo alone, and writes found.json; without the package that
// the format is for it ends with status 77.
#pragma once

#include <string_view>

namespace odt::detail::checking {

/// Of frozen_inference_graph.pb.
constexpr std::string_view tensorflow_script = R"python(
import json, os, sys
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
try:
    import numpy as np
    import tensorflow as tf
except ImportError as missing:
    print(missing, file=sys.stderr)
    sys.exit(77)
folder, export = sys.argv[1:]
v1 = tf.compat.v1
definition = v1.GraphDef()
with open(os.path.join(export, "frozen_inference_graph.pb"), "rb") as f:
    definition.ParseFromString(f.read())
graph = tf.Graph()
with graph.as_default():
    v1.import_graph_def(definition, name="")
source = next(node.name for node in definition.node if node.op == "Placeholder")
names = ["detection_boxes", "detection_scores", "detection_classes", "num_detections"]

def given(pixels):
    if source == "image_tensor":
        return pixels[None].astype(graph.get_tensor_by_name("image_tensor:0").dtype.as_numpy_dtype)
    file = tf.io.encode_png(pixels).numpy()
    if source == "encoded_image_string_tensor":
        return [file]
    feature = tf.train.Feature(bytes_list=tf.train.BytesList(value=[file]))
    return [tf.train.Example(features=tf.train.Features(feature={"image/encoded": feature})).SerializeToString()]

with open(os.path.join(folder, "photos.json")) as f:
    photos = json.load(f)
inputs = [given(np.fromfile(os.path.join(folder, p["file"]), np.uint8).reshape(p["shape"])) for p in photos]
found = []
with v1.Session(graph=graph) as session:
    for photo in inputs:
        boxes, scores, classes, count = session.run([n + ":0" for n in names], {source + ":0": photo})
        n = int(count[0])
        found.append({"boxes": boxes[0, :n].tolist(), "scores": scores[0, :n].tolist(),
                      "classes": classes[0, :n].tolist()})
with open(os.path.join(folder, "found.json"), "w") as f:
    json.dump({"runner": "TensorFlow " + tf.__version__, "found": found}, f)
)python";

/// Of model.onnx.
constexpr std::string_view onnx_script = R"python(
import json, os, sys
try:
    import numpy as np
    import onnxruntime
except ImportError as missing:
    print(missing, file=sys.stderr)
    sys.exit(77)
folder, export = sys.argv[1:]
session = onnxruntime.InferenceSession(os.path.join(export, "model.onnx"), providers=["CPUExecutionProvider"])
names = ["detection_boxes", "detection_scores", "detection_classes", "num_detections"]
found = []
with open(os.path.join(folder, "photos.json")) as f:
    for photo in json.load(f):
        pixels = np.fromfile(os.path.join(folder, photo["file"]), np.uint8).reshape(photo["shape"])
        boxes, scores, classes, count = session.run(names, {"image_tensor": pixels[None]})
        n = int(count[0])
        found.append({"boxes": boxes[0, :n].tolist(), "scores": scores[0, :n].tolist(),
                      "classes": classes[0, :n].tolist()})
with open(os.path.join(folder, "found.json"), "w") as f:
    json.dump({"runner": "onnxruntime " + onnxruntime.__version__, "found": found}, f)
)python";

/// Of detect.tflite; its photos are the network's input already. Boxes end at the picture's border, as odt's do,
/// and those outside of it go.
constexpr std::string_view tflite_script = R"python(
import json, os, sys
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
try:
    import numpy as np
    try:
        import tflite_runtime as package
        from tflite_runtime.interpreter import Interpreter
    except ImportError:
        try:
            import ai_edge_litert as package
            from ai_edge_litert.interpreter import Interpreter
        except ImportError:
            import tensorflow as package
            Interpreter = package.lite.Interpreter
except (ImportError, AttributeError) as missing:
    print(missing, file=sys.stderr)
    sys.exit(77)
folder, export = sys.argv[1:]
interpreter = Interpreter(os.path.join(export, "detect.tflite"))
interpreter.allocate_tensors()
source = interpreter.get_input_details()[0]["index"]
outputs = [tensor["index"] for tensor in interpreter.get_output_details()]
found = []
with open(os.path.join(folder, "photos.json")) as f:
    for photo in json.load(f):
        pixels = np.fromfile(os.path.join(folder, photo["file"]), np.float32).reshape(photo["shape"])
        interpreter.set_tensor(source, pixels[None])
        interpreter.invoke()
        boxes, classes, scores, count = [interpreter.get_tensor(index) for index in outputs]
        n = int(count[0])
        boxes = np.clip(boxes[0, :n], 0, 1)
        inside = (boxes[:, 2] > boxes[:, 0]) & (boxes[:, 3] > boxes[:, 1])
        found.append({"boxes": boxes[inside].tolist(), "scores": scores[0, :n][inside].tolist(),
                      "classes": (classes[0, :n][inside] + 1).tolist(), "outside": int(n - inside.sum())})
runner = package.__name__ + " " + getattr(package, "__version__", "")
with open(os.path.join(folder, "found.json"), "w") as f:
    json.dump({"runner": runner.replace("tensorflow", "TensorFlow Lite of TensorFlow").strip(), "found": found}, f)
)python";

/// Of model.mlir, by XLA's CPU.
constexpr std::string_view stablehlo_script = R"python(
import json, os, re, sys
os.environ["JAX_PLATFORMS"] = "cpu"
try:
    import jax
    import jaxlib
    import numpy as np
    from jax._src.interpreters import mlir
    from jax._src.lib import xla_client
    from jax._src.lib.mlir import ir
except ImportError as missing:
    print(missing, file=sys.stderr)
    sys.exit(77)
folder, export = sys.argv[1:]
with open(os.path.join(export, "model.mlir")) as f:
    text = f.read()
names = re.findall(r"^//   (\w+): float32", text, re.M)
client = jax.devices("cpu")[0].client
with mlir.make_ir_context():
    module = mlir.module_to_bytecode(ir.Module.parse(text))
options = xla_client.CompileOptions()
if hasattr(client, "compile_and_load"):
    step = client.compile_and_load(module, xla_client.DeviceList(tuple(client.local_devices()[:1])), options)
else:
    step = client.compile(module, options)
found = []
with open(os.path.join(folder, "photos.json")) as f:
    for photo in json.load(f):
        pixels = np.fromfile(os.path.join(folder, photo["file"]), np.uint8).reshape(photo["shape"])
        results = step.execute_sharded([jax.device_put(pixels[None], jax.devices("cpu")[0])])
        results = [np.asarray(r[0]) for r in results.disassemble_into_single_device_arrays()]
        given = dict(zip(names, results))
        n = int(given["num_detections"][0])
        found.append({"boxes": given["detection_boxes"][0, :n].tolist(),
                      "scores": given["detection_scores"][0, :n].tolist(),
                      "classes": given["detection_classes"][0, :n].tolist()})
with open(os.path.join(folder, "found.json"), "w") as f:
    json.dump({"runner": "jaxlib " + jaxlib.__version__, "found": found}, f)
)python";

}  // namespace odt::detail::checking

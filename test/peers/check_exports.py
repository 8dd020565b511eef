#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Has TensorFlow, onnxruntime, TFLite's interpreter or jaxlib run what odt exports: detectors of both families, for TFLite
and StableHLO an SSD and a RetinaNet, trained for a few steps.

usage: check_exports.py ODT CONFIG FORMAT PYTHON
    CONFIG: examples/shapes.config; FORMAT: tensorflow, onnx, tflite or stablehlo; PYTHON: an interpreter with its package (without
    one: status 77)
"""
import pathlib
import re
import subprocess
import sys
import tempfile

PACKAGES = {"tensorflow": ["tensorflow"], "onnx": ["onnxruntime"],
            "tflite": ["tflite_runtime", "ai_edge_litert", "tensorflow.lite"], "stablehlo": ["jax"]}

MASK_RCNN = """
model { faster_rcnn {
  num_classes: 4
  number_of_stages: 3
  image_resizer { keep_aspect_ratio_resizer { min_dimension: 96 max_dimension: 160 } }
  feature_extractor { type: "faster_rcnn_inception_v2" first_stage_features_stride: 16 }
  first_stage_anchor_generator { grid_anchor_generator { scales: [0.125, 0.25] aspect_ratios: [0.5, 1.0, 2.0] } }
  first_stage_box_predictor_conv_hyperparams { op: CONV
    regularizer { l2_regularizer { weight: 0 } } initializer { truncated_normal_initializer { stddev: 0.05 } } }
  first_stage_max_proposals: 16
  second_stage_batch_size: 16
  initial_crop_size: 14 maxpool_kernel_size: 2 maxpool_stride: 2
  second_stage_box_predictor { mask_rcnn_box_predictor {
    predict_instance_masks: true
    fc_hyperparams { op: FC regularizer { l2_regularizer { weight: 0 } } initializer { variance_scaling_initializer {} } }
    conv_hyperparams { op: CONV regularizer { l2_regularizer { weight: 0 } }
                       initializer { truncated_normal_initializer { stddev: 0.05 } } } } }
  second_stage_post_processing { score_converter: SOFTMAX
    batch_non_max_suppression { iou_threshold: 0.6 max_detections_per_class: 8 max_total_detections: 16 } }
} }
train_config { batch_size: 1
  optimizer { momentum_optimizer { learning_rate { constant_learning_rate { learning_rate: 0.000001 } } } } }
train_input_reader { load_instance_masks: true mask_type: PNG_MASKS label_map_path: "data/label_map.pbtxt"
  tf_record_input_reader { input_path: "data/coco_train.record-00000-of-00001" } }
"""
RFCN = re.sub(r"mask_rcnn_box_predictor \{.*?(?=  second_stage_post_processing)", """rfcn_box_predictor {
    num_spatial_bins_height: 3 num_spatial_bins_width: 3 crop_height: 12 crop_width: 12
    conv_hyperparams { op: CONV regularizer { l2_regularizer { weight: 0 } }
                       initializer { truncated_normal_initializer { stddev: 0.05 } } } } }
""", MASK_RCNN.replace("number_of_stages: 3\n", ""), flags=re.S)

CALIBRATED = """model { ssd { post_processing { calibration_config { function_approximation { x_y_pairs {
  x_y_pair { x: 0 y: 0.05 } x_y_pair { x: 0.1 y: 0.2 } x_y_pair { x: 0.5 y: 0.9 } x_y_pair { x: 1 y: 0.95 } } } } } } }"""

PADDED = """model { ssd { image_resizer { keep_aspect_ratio_resizer {
  min_dimension: 256 max_dimension: 256 pad_to_max_dimension: true } } } }"""

RETINANET = """
model { ssd {
  num_classes: 4
  encode_background_as_zeros: true
  image_resizer { fixed_shape_resizer { height: 200 width: 168 } }
  feature_extractor { type: "ssd_mobilenet_v2_fpn" depth_multiplier: 0.25 min_depth: 16 use_depthwise: true
    override_base_feature_extractor_hyperparams: true
    fpn { min_level: 3 max_level: 7 additional_layer_depth: 32 }
    conv_hyperparams { activation: RELU_6 regularizer { l2_regularizer { weight: 0 } }
      initializer { truncated_normal_initializer { stddev: 0.1 } } batch_norm { scale: true decay: 0.9 epsilon: 0.001 } } }
  box_coder { faster_rcnn_box_coder {} }
  matcher { argmax_matcher { force_match_for_each_row: true } }
  similarity_calculator { iou_similarity {} }
  anchor_generator { multiscale_anchor_generator { min_level: 3 max_level: 7
    aspect_ratios: [0.5, 1.0, 2.0] } }
  box_predictor { weight_shared_convolutional_box_predictor {
    depth: 32 num_layers_before_predictor: 2 kernel_size: 3 class_prediction_bias_init: -1
    conv_hyperparams { activation: RELU_6 regularizer { l2_regularizer { weight: 0 } }
      initializer { truncated_normal_initializer { stddev: 0.1 } } batch_norm { scale: true decay: 0.9 epsilon: 0.001 } } } }
  post_processing { score_converter: SOFTMAX
    batch_non_max_suppression { score_threshold: 0.01 iou_threshold: 0.5 } }
  loss { classification_loss { weighted_sigmoid {} } localization_loss { weighted_smooth_l1 {} } }
} }
train_config { batch_size: 4
  optimizer { momentum_optimizer { learning_rate { constant_learning_rate { learning_rate: 0.001 } } } } }
train_input_reader { label_map_path: "data/label_map.pbtxt"
  tf_record_input_reader { input_path: "data/coco_train.record-00000-of-00001" } }
"""

# TensorFlow's own run of tflite_graph.pb beside the interpreter's of detect.tflite: the largest relative differences of
# encodings, scores and anchors.
RAW = """
import sys
import numpy as np
try:
    import tensorflow as tf
    lite = tf.lite.Interpreter(sys.argv[1] + "/detect.tflite")
except (ImportError, AttributeError):
    print("not compared: no TensorFlow with an interpreter")
    sys.exit()
v1 = tf.compat.v1
definition = v1.GraphDef.FromString(open(sys.argv[1] + "/tflite_graph.pb", "rb").read())
with tf.Graph().as_default() as graph:
    v1.import_graph_def(definition, name="")
lite.allocate_tensors()
source, outputs = lite.get_input_details()[0], lite.get_output_details()
image = np.random.default_rng(1).uniform(-1, 1, source["shape"]).astype(np.float32)
lite.set_tensor(source["index"], image)
lite.invoke()
with v1.Session(graph=graph) as session:
    expected = session.run([o["name"] + ":0" for o in outputs], {source["name"] + ":0": image})
worst = [np.abs(lite.get_tensor(o["index"]) - e).max() / np.abs(e).max() for o, e in zip(outputs, expected)]
assert len(worst) == 3 and max(worst) < 1e-4, worst
print("relative differences", *worst)
"""


def run(at, *command):
    done = subprocess.run([str(word) for word in command], cwd=at, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          text=True)
    if done.returncode != 0:
        sys.exit(f"{' '.join(map(str, command))}: status {done.returncode}\n{done.stdout}")
    return done.stdout


def check(at, odt, format, model, python, *flags):
    said = run(at, odt, "export", "--format", format, "--trained_checkpoint_prefix", model, "--output_directory",
               f"{model}_exported", "--check", "shapes/images", "--python", python, "--overwrite", *flags)
    print(f"{model}{''.join(f' {f}' for f in flags)}: {said.splitlines()[-1]}")


def main():
    odt, ssd, format, python = sys.argv[1:]
    packages = PACKAGES[format]
    if all(subprocess.run([python, "-c", f"import {p}"], capture_output=True).returncode != 0 for p in packages):
        print(f"SKIPPED: {python} has no {' or '.join(packages)}")
        sys.exit(77)
    with tempfile.TemporaryDirectory() as folder:
        at = pathlib.Path(folder)
        run(at, odt, "shapes", "--output", "shapes", "--count", 24, "--masks")
        run(at, odt, "convert", "coco", "--train_image_dir", "shapes/images", "--train_annotations_file",
            "shapes/instances.json", "--include_masks", "--num_shards", 1, "--output", "data")
        record = "data/coco_train.record-00000-of-00001"
        one_stage = format in ("tflite", "stablehlo")
        others = {"retinanet": RETINANET} if one_stage else {"mask_rcnn": MASK_RCNN, "rfcn": RFCN}
        paths = f"label_map_path=data/label_map.pbtxt,train_input_path={record},eval_input_path={record}"
        run(at, odt, "train", "--pipeline_config_path", ssd, "--model_dir", "ssd", "--num_train_steps", 20, "--no_eval",
            "--hparams_overrides", paths)
        for name, config in others.items():
            (at / f"{name}.config").write_text(config)
            run(at, odt, "train", "--pipeline_config_path", f"{name}.config", "--model_dir", name, "--num_train_steps",
                20 if one_stage else 1, "--no_eval")
        for model in ("ssd", *others):
            check(at, odt, format, model, python)
            if format != "tflite":
                continue
            check(at, odt, format, model, python, "--use_regular_nms", "--max_detections", 100)
            run(at, odt, "export", "--format", format, "--trained_checkpoint_prefix", model, "--output_directory", "raw",
                "--overwrite", "--add_postprocessing_op=false")
            print(f"{model}: {run(at, python, '-c', RAW, 'raw').splitlines()[-1]}")
        if format != "tflite":
            check(at, odt, format, "ssd", python, "--config_override", CALIBRATED)
        if format == "stablehlo":
            check(at, odt, format, "ssd", python, "--input_shape", "1,200,330,3")
            check(at, odt, format, "ssd", python, "--config_override", PADDED, "--input_shape", "1,200,330,3")


if __name__ == "__main__":
    main()

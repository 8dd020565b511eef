#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Has TensorFlow or onnxruntime run what odt exports: detectors of both families, trained for a few steps.

usage: check_exports.py ODT CONFIG FORMAT PYTHON
    CONFIG: examples/shapes.config; FORMAT: tensorflow or onnx; PYTHON: an interpreter with its package (without one:
    status 77)
"""
import pathlib
import subprocess
import sys
import tempfile

PACKAGES = {"tensorflow": "tensorflow", "onnx": "onnxruntime"}

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


def run(at, *command):
    done = subprocess.run([str(word) for word in command], cwd=at, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          text=True)
    if done.returncode != 0:
        sys.exit(f"{' '.join(map(str, command))}: status {done.returncode}\n{done.stdout}")
    return done.stdout


def main():
    odt, ssd, format, python = sys.argv[1:]
    package = PACKAGES[format]
    if subprocess.run([python, "-c", f"import {package}"], capture_output=True).returncode != 0:
        print(f"SKIPPED: {python} has no {package}")
        sys.exit(77)
    with tempfile.TemporaryDirectory() as folder:
        at = pathlib.Path(folder)
        run(at, odt, "shapes", "--output", "shapes", "--count", 24, "--masks")
        run(at, odt, "convert", "coco", "--train_image_dir", "shapes/images", "--train_annotations_file",
            "shapes/instances.json", "--include_masks", "--num_shards", 1, "--output", "data")
        record = "data/coco_train.record-00000-of-00001"
        (at / "mask_rcnn.config").write_text(MASK_RCNN)
        paths = f"label_map_path=data/label_map.pbtxt,train_input_path={record},eval_input_path={record}"
        run(at, odt, "train", "--pipeline_config_path", ssd, "--model_dir", "ssd", "--num_train_steps", 20, "--no_eval",
            "--hparams_overrides", paths)
        run(at, odt, "train", "--pipeline_config_path", "mask_rcnn.config", "--model_dir", "mask_rcnn",
            "--num_train_steps", 1, "--no_eval")
        for model in ("ssd", "mask_rcnn"):
            said = run(at, odt, "export", "--format", format, "--trained_checkpoint_prefix", model,
                       "--output_directory", f"{model}_exported", "--check", "shapes/images", "--python", python)
            print(f"{model}: {said.splitlines()[-1]}")


if __name__ == "__main__":
    main()

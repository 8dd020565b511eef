#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""odt's train step on a PJRT plugin beside the same network's by hand in jax.jit (peers/jax_train_step.py), in turns.

usage: compare_pjrt.py ODT PLUGIN [--rounds N] [--steps N] [--batch_size N] [--python PYTHON]
    ODT trains on shapes of its own; its step is the time between its log's lines, batches of the loader included.
    PYTHON (default: this one) has jax.
"""
import argparse
import json
import pathlib
import re
import statistics
import subprocess
import sys
import tempfile

CONFIG = """
model { ssd {
  num_classes: 90
  encode_background_as_zeros: true
  image_resizer { fixed_shape_resizer { height: 300 width: 300 } }
  feature_extractor { type: "ssd_mobilenet_v1" depth_multiplier: 1.0 min_depth: 16
    conv_hyperparams { activation: RELU_6 regularizer { l2_regularizer { weight: 0.00004 } }
      initializer { truncated_normal_initializer { stddev: 0.03 } }
      batch_norm { scale: true decay: 0.9997 epsilon: 0.001 } } }
  anchor_generator { ssd_anchor_generator { num_layers: 6 min_scale: 0.2 max_scale: 0.95
    aspect_ratios: [1.0, 2.0, 0.5, 3.0, 0.3333] } }
  box_predictor { convolutional_box_predictor { kernel_size: 1
    conv_hyperparams { activation: RELU_6 regularizer { l2_regularizer { weight: 0.00004 } }
      initializer { truncated_normal_initializer { stddev: 0.03 } } } } }
  box_coder { faster_rcnn_box_coder { y_scale: 10 x_scale: 10 height_scale: 5 width_scale: 5 } }
  matcher { argmax_matcher { matched_threshold: 0.5 unmatched_threshold: 0.5 force_match_for_each_row: true } }
  similarity_calculator { iou_similarity { } }
  loss { classification_loss { weighted_sigmoid_focal { alpha: 0.25 gamma: 2.0 } }
    localization_loss { weighted_smooth_l1 { } } }
  post_processing { batch_non_max_suppression { score_threshold: 0.01 iou_threshold: 0.6 } score_converter: SIGMOID }
} }
train_config {
  batch_size: 8 num_steps: 10 max_number_of_boxes: 100 gradient_clipping_by_norm: 10
  optimizer { momentum_optimizer { momentum_optimizer_value: 0.9
    learning_rate { constant_learning_rate { learning_rate: 0.0001 } } } use_moving_average: false }
}
train_input_reader { label_map_path: "data/label_map.pbtxt" tf_record_input_reader { input_path: "data/train.record" } }
"""


def run(at, *command):
    done = subprocess.run([str(word) for word in command], cwd=at, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          text=True)
    if done.returncode != 0:
        sys.exit(f"{' '.join(map(str, command))}: status {done.returncode}\n{done.stdout}")
    return done.stdout


def odt_step(at, args, number):
    """Milliseconds, the median; the first two steps compile and warm up."""
    said = run(at, args.odt, "train", "--pipeline_config_path", "pipeline.config", "--model_dir", f"model{number}",
               "--device", f"pjrt:{args.plugin}", "--no_eval", "--log_every", 1, "--num_train_steps", args.steps + 2,
               "--hparams_overrides", f"train_config.batch_size={args.batch_size}")
    rates = [float(rate) for rate in re.findall(r"^step \d+/.*?([0-9.e+-]+) img/s", said, re.M)]
    return 1e3 * args.batch_size / statistics.median(rates[2:])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("odt")
    parser.add_argument("plugin")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--steps", type=int, default=10)
    parser.add_argument("--batch_size", type=int, default=8)
    parser.add_argument("--python", default=sys.executable)
    args = parser.parse_args()
    args.odt, args.plugin = (pathlib.Path(p).resolve() for p in (args.odt, args.plugin))
    peer = pathlib.Path(__file__).resolve().parent / "peers/jax_train_step.py"
    with tempfile.TemporaryDirectory() as folder:
        at = pathlib.Path(folder)
        (at / "pipeline.config").write_text(CONFIG)
        run(at, args.odt, "shapes", "--output", "photos", "--count", 64)
        run(at, args.odt, "convert", "labelimg", "--images", "photos/images", "--annotations", "photos/annotations",
            "--output", "data", "--split", 0.9)
        with open(at / "data/label_map.pbtxt", "a") as labels:  # as many classes as the peer has
            labels.writelines(f"item {{ id: {i} name: 'class {i}' }}\n" for i in range(5, 91))
        ratios = []
        for number in range(args.rounds):
            ours = odt_step(at, args, number)
            theirs = json.loads(run(at, args.python, peer, "--steps", args.steps, "--batch_size",
                                    args.batch_size).splitlines()[-1])
            ratios.append(ours / theirs["ms_per_step"])
            print(f"odt {ours:.0f} ms, {theirs['program']} {theirs['ms_per_step']:.0f} ms "
                  f"({theirs['parameters']} parameters, {theirs['anchors']} anchors): {ratios[-1]:.2f}", flush=True)
        print(f"odt's step takes {statistics.median(ratios):.2f} of jax.jit's ({min(ratios):.2f} to {max(ratios):.2f})")


if __name__ == "__main__":
    main()

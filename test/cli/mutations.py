#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Changes a small pipeline.config of each family of detectors and its files in one place each, and demands of every
change that `odt inspect` refuses it exactly when `odt train` does, and that neither crashes.

usage: mutations.py ODT [--count 200] [--two_stage_count 60] [--seed 1] [--all]
"""
import argparse
import multiprocessing.pool
import os
import pathlib
import random
import re
import shutil
import subprocess
import sys
import tempfile

SSD = """
model {
  ssd {
    num_classes: 4
    encode_background_as_zeros: true
    image_resizer { fixed_shape_resizer { height: 64 width: 64 } }
    feature_extractor {
      type: "ssd_mobilenet_v1"
      depth_multiplier: 0.25
      min_depth: 8
      pad_to_multiple: 1
      override_base_feature_extractor_hyperparams: true
      conv_hyperparams {
        activation: RELU_6
        regularizer { l2_regularizer { weight: 0.00004 } }
        initializer { truncated_normal_initializer { mean: 0.0 stddev: 0.03 } }
        batch_norm { scale: true decay: 0.97 epsilon: 0.001 }
      }
    }
    anchor_generator {
      ssd_anchor_generator {
        num_layers: 6
        min_scale: 0.15
        max_scale: 0.95
        aspect_ratios: 1.0
        aspect_ratios: 2.0
      }
    }
    box_predictor {
      convolutional_box_predictor {
        min_depth: 0
        max_depth: 0
        num_layers_before_predictor: 0
        use_dropout: true
        dropout_keep_probability: 0.8
        kernel_size: 3
        box_code_size: 4
        conv_hyperparams {
          activation: RELU_6
          regularizer { l2_regularizer { weight: 0.00004 } }
          initializer { random_normal_initializer { stddev: 0.03 } }
          batch_norm { scale: true decay: 0.97 epsilon: 0.001 }
        }
      }
    }
    box_coder { faster_rcnn_box_coder { y_scale: 10 x_scale: 10 height_scale: 5 width_scale: 5 } }
    matcher { argmax_matcher { matched_threshold: 0.5 unmatched_threshold: 0.5 force_match_for_each_row: true } }
    similarity_calculator { iou_similarity { } }
    loss {
      classification_loss { weighted_sigmoid_focal { gamma: 2 alpha: 0.25 } }
      localization_loss { weighted_smooth_l1 { delta: 1 } }
      hard_example_miner {
        num_hard_examples: 3000
        iou_threshold: 0.99
        loss_type: CLASSIFICATION
        max_negatives_per_positive: 3
        min_negatives_per_image: 3
      }
      classification_weight: 1
      localization_weight: 1
    }
    post_processing {
      batch_non_max_suppression {
        score_threshold: 0.01
        iou_threshold: 0.5
        max_detections_per_class: 20
        max_total_detections: 20
      }
      score_converter: SIGMOID
    }
  }
}
train_config {
  batch_size: 2
  num_steps: 2
  optimizer {
    rms_prop_optimizer {
      learning_rate {
        exponential_decay_learning_rate { initial_learning_rate: 0.002 decay_steps: 100 decay_factor: 0.95 }
      }
      momentum_optimizer_value: 0.9
      decay: 0.9
      epsilon: 1.0
    }
    use_moving_average: true
    moving_average_decay: 0.99
  }
  gradient_clipping_by_norm: 10
  max_number_of_boxes: 20
  data_augmentation_options { random_horizontal_flip { probability: 0.5 } }
  data_augmentation_options {
    random_crop_image {
      min_object_covered: 0.5 min_aspect_ratio: 0.5 max_aspect_ratio: 2 min_area: 0.3 max_area: 1 random_coef: 0.1
    }
  }
}
train_input_reader {
  label_map_path: "label_map.pbtxt"
  tf_record_input_reader { input_path: "train.record" }
}
eval_config {
  batch_size: 2
  num_visualizations: 1
  min_score_threshold: 0.5
  metrics_set: "coco_detection_metrics"
}
eval_input_reader {
  label_map_path: "label_map.pbtxt"
  tf_record_input_reader { input_path: "val.record" }
  sample_1_of_n_examples: 1
}
"""

MASK_RCNN = """
model {
  faster_rcnn {
    number_of_stages: 3
    num_classes: 4
    image_resizer { keep_aspect_ratio_resizer { min_dimension: 64 max_dimension: 80 } }
    feature_extractor { type: "faster_rcnn_inception_v2" first_stage_features_stride: 16 batch_norm_trainable: true }
    first_stage_anchor_generator {
      grid_anchor_generator {
        height: 64
        width: 64
        height_stride: 16
        width_stride: 16
        scales: 0.25
        scales: 0.5
        aspect_ratios: 1.0
      }
    }
    first_stage_atrous_rate: 2
    first_stage_box_predictor_kernel_size: 3
    first_stage_box_predictor_depth: 16
    first_stage_box_predictor_conv_hyperparams {
      op: CONV
      regularizer { l2_regularizer { weight: 0.0001 } }
      initializer { truncated_normal_initializer { stddev: 0.01 } }
    }
    first_stage_minibatch_size: 16
    first_stage_positive_balance_fraction: 0.5
    first_stage_nms_score_threshold: 0.0
    first_stage_nms_iou_threshold: 0.7
    first_stage_max_proposals: 8
    first_stage_localization_loss_weight: 2
    first_stage_objectness_loss_weight: 1
    initial_crop_size: 6
    maxpool_kernel_size: 2
    maxpool_stride: 2
    second_stage_box_predictor {
      mask_rcnn_box_predictor {
        use_dropout: true
        dropout_keep_probability: 0.8
        predict_instance_masks: true
        mask_height: 8
        mask_width: 8
        mask_prediction_conv_depth: 8
        mask_prediction_num_conv_layers: 2
        masks_are_class_agnostic: false
        share_box_across_classes: false
        convolve_then_upsample_masks: true
        fc_hyperparams {
          op: FC
          regularizer { l2_regularizer { weight: 0.0001 } }
          initializer { variance_scaling_initializer { factor: 1 uniform: true mode: FAN_AVG } }
        }
        conv_hyperparams {
          op: CONV
          regularizer { l2_regularizer { weight: 0.0001 } }
          initializer { truncated_normal_initializer { stddev: 0.01 } }
        }
      }
    }
    second_stage_batch_size: 4
    second_stage_balance_fraction: 0.25
    second_stage_classification_loss { weighted_softmax { logit_scale: 1 } }
    second_stage_post_processing {
      batch_non_max_suppression {
        score_threshold: 0.01
        iou_threshold: 0.5
        max_detections_per_class: 5
        max_total_detections: 5
      }
      score_converter: SOFTMAX
      calibration_config {
        function_approximation { x_y_pairs { x_y_pair { x: 0.1 y: 0.2 } x_y_pair { x: 0.9 y: 0.8 } } }
      }
    }
    second_stage_localization_loss_weight: 2
    second_stage_classification_loss_weight: 1
    second_stage_mask_prediction_loss_weight: 4
    clip_anchors_to_image: false
  }
}
train_config {
  batch_size: 1
  num_steps: 2
  optimizer {
    momentum_optimizer {
      learning_rate {
        manual_step_learning_rate { initial_learning_rate: 0.0002 schedule { step: 50 learning_rate: 0.00002 } }
      }
      momentum_optimizer_value: 0.9
    }
    use_moving_average: false
  }
  gradient_clipping_by_norm: 10
  data_augmentation_options { random_horizontal_flip { probability: 0.5 } }
}
train_input_reader {
  label_map_path: "label_map.pbtxt"
  load_instance_masks: true
  mask_type: PNG_MASKS
  tf_record_input_reader { input_path: "masks.record" }
}
eval_config {
  num_visualizations: 1
  metrics_set: "coco_mask_metrics"
}
eval_input_reader {
  label_map_path: "label_map.pbtxt"
  load_instance_masks: true
  mask_type: PNG_MASKS
  tf_record_input_reader { input_path: "masks.record" }
}
"""

SCALAR = re.compile(r'\b(\w+): ("[^"]*"|[\w.+-]+)')
# Too large for a test are only these (a kernel of 97 x 97, a hundred times the channels).
SMALL = {"kernel_size": "2", "depth_multiplier": "0.5", "min_depth": "9", "height": "65", "width": "65",
         "batch_size": "3", "num_steps": "1", "weight": "0.5", "initial_learning_rate": "0.01",
         "first_stage_box_predictor_kernel_size": "2", "first_stage_box_predictor_depth": "9", "initial_crop_size": "5",
         "min_dimension": "65", "max_dimension": "81"}


def values_for(name, old):
    """Other values of a field: of its kind and of others."""
    if old.startswith('"'):
        return ['""', '"nothing"', "3", "BARE"]
    if old in ("true", "false"):
        return ["false" if old == "true" else "true", "2", '"true"']
    if re.fullmatch(r"[A-Z_0-9]+", old) and not old.isdigit():
        return ["NO_SUCH_VALUE", "1", '"x"']
    return ["0", "-1", SMALL.get(name, "97"), "nan", "inf", "1e-30", "many", '"1"']


def config_mutations(config, family):
    """(name, text) of every single change of a config."""
    for match in SCALAR.finditer(config):
        name, old = match.groups()
        start, end = match.span()
        line = f"{family}, line {config.count(chr(10), 0, start) + 1}"
        for new in values_for(name, old):
            yield f"{line}: {name}: {old} -> {new}", f"{config[:start]}{name}: {new}{config[end:]}"
        yield f"{line}: {name} removed", config[:start] + config[end:]
        yield f"{line}: {name} twice", f"{config[:end]} {match.group(0)}{config[end:]}"
        yield f"{line}: {name} misspelt", f"{config[:start]}{name[:-1]}: {old}{config[end:]}"
    for match in re.finditer(r"\b(\w+) \{ \w+ \{[^{}]*\} \}", config):
        start, end = match.span()
        yield f"{family}: {match.group(1)} removed", config[:start] + config[end:]
        yield f"{family}: {match.group(1)} emptied", config[:start] + match.group(1) + " { }" + config[end:]


def relation_mutations():
    """(name, text) of changes that only together are wrong, or only together are right."""
    def changed(*changes):
        text = MASK_RCNN
        for old, new in changes:
            assert old in text, old
            text = text.replace(old, new)
        return text
    rfcn = re.sub(r"(?s)mask_rcnn_box_predictor \{.*?\n      \}\n", """rfcn_box_predictor {
        conv_hyperparams { regularizer { l2_regularizer { } } initializer { truncated_normal_initializer { } } }
        depth: 8 num_spatial_bins_height: 3 num_spatial_bins_width: 3 crop_height: 6 crop_width: 6
      }
""", changed(("number_of_stages: 3", "number_of_stages: 2"), ('metrics_set: "coco_mask_metrics"', "")))
    yield "a pool larger than the crop", changed(("maxpool_kernel_size: 2", "maxpool_kernel_size: 7"))
    yield "a pool as large as the crop", changed(("maxpool_kernel_size: 2", "maxpool_kernel_size: 6"),
                                                 ("convolve_then_upsample_masks: true", ""))
    yield "no pool", changed(("maxpool_kernel_size: 2", "maxpool_kernel_size: 1"),
                             ("maxpool_stride: 2", "maxpool_stride: 1"), ("convolve_then_upsample_masks: true", ""))
    yield "crops of one pixel", changed(("initial_crop_size: 6", "initial_crop_size: 1"),
                                        ("maxpool_kernel_size: 2", "maxpool_kernel_size: 1"))
    yield "masks that are no multiple", changed(("mask_height: 8", "mask_height: 7"))
    yield "two stages with masks", changed(("number_of_stages: 3", "number_of_stages: 2"))
    yield "two stages", changed(("number_of_stages: 3", "number_of_stages: 2"), ('metrics_set: "coco_mask_metrics"', ""))
    yield "one stage", changed(("number_of_stages: 3", "number_of_stages: 1"), ('metrics_set: "coco_mask_metrics"', ""))
    yield "R-FCN", rfcn
    yield "R-FCN of three stages", rfcn.replace("number_of_stages: 2", "number_of_stages: 3")
    yield "R-FCN with bins that do not divide", rfcn.replace("crop_width: 6", "crop_width: 7")
    yield "R-FCN with a bin a pixel", rfcn.replace("num_spatial_bins_width: 3", "num_spatial_bins_width: 6")
    yield "Inception-ResNet with small crops", changed(("faster_rcnn_inception_v2", "faster_rcnn_inception_resnet_v2"),
                                                       ("initial_crop_size: 6", "initial_crop_size: 4"))
    yield "masks of numbers", changed(("PNG_MASKS", "NUMERICAL_MASKS"))
    yield "records without masks", changed(("masks.record", "train.record"))
    yield "masks unread", changed(("load_instance_masks: true", "load_instance_masks: false"))
    yield "a box coder of five numbers", changed(("use_dropout: true", "use_dropout: true box_code_size: 5"))
    yield "anchors that no image holds", changed(("aspect_ratios: 1.0", "aspect_ratios: 1e-30"))
    yield "a calibration that falls", changed(("y: 0.8", "y: 0.1"))
    yield "mining in place of a sampler", changed(("clip_anchors_to_image: false",
                                                  "hard_example_miner { num_hard_examples: 3 }"))
    yield "more samples than proposals", changed(("second_stage_batch_size: 4", "second_stage_batch_size: 9"))
    yield "padded batches", changed(("max_dimension: 80", "max_dimension: 80 pad_to_max_dimension: true"),
                                    ("batch_size: 1", "batch_size: 2"))
    yield "batches of several sizes", changed(("batch_size: 1", "batch_size: 2"))


def file_mutations():
    """(name, change), where change is called with the folder of the files."""
    for name in ("train.record", "val.record", "label_map.pbtxt"):
        yield f"{name} is missing", lambda at, name=name: (at / name).unlink()
        yield f"{name} is empty", lambda at, name=name: (at / name).write_bytes(b"")
        yield f"{name} is something else", lambda at, name=name: (at / name).write_bytes(b"<!DOCTYPE html>" * 50)
        yield f"{name} is cut short", lambda at, name=name: (at / name).write_bytes((at / name).read_bytes()[:-7])
        yield f"{name} is a folder", lambda at, name=name: ((at / name).unlink(), (at / name).mkdir())
    yield "a class less", lambda at: edit(at / "label_map.pbtxt", r"(?s)(.*)item.*", r"\1")
    yield "a class more", lambda at: edit(at / "label_map.pbtxt", r"(?s)$", "item { id: 9 name: 'nine' }", 1)
    yield "a class of another name", lambda at: edit(at / "label_map.pbtxt", r"name: \"\w+\"", 'name: "other"', 1)
    yield "all classes of other names", lambda at: edit(at / "label_map.pbtxt", r"name: \"(\w+)\"", r'name: "the \1"')


def edit(path, pattern, new, count=0):
    path.write_text(re.sub(pattern, new, path.read_text(), count=count))


def run(odt, at, *arguments):
    result = subprocess.run([odt, *arguments], cwd=at, capture_output=True, text=True, errors="replace", timeout=120)
    return result.returncode, result.stdout + result.stderr


def check(odt, files, folder, mutation):
    """What is wrong with how the program takes one change; empty when nothing is."""
    name, change = mutation
    at = pathlib.Path(folder) / re.sub(r"\W+", "_", name)[:80]
    shutil.copytree(files, at)
    (at / "c.config").write_text(change if isinstance(change, str) else SSD)
    if not isinstance(change, str):
        change(at)
    inspected, said = run(odt, at, "inspect", "c.config")
    trained, told = run(odt, at, "train", "--pipeline_config_path", "c.config", "--model_dir", "m", "--threads", "1",
                        "--data_threads", "1", "--num_train_steps", "2")
    shutil.rmtree(at)
    spoiled = trained == 0 and re.search(r"\b(loss|classification|localization|regularization|mask|objectness) (nan|-?inf)",
                                         told)
    if min(inspected, trained) < 0 or max(inspected, trained) >= 128:
        return f"{name}: crashed, inspect with {inspected}, train with {trained}\n{said}\n{told}"
    if (inspected != 0) != (trained != 0 or bool(spoiled)):
        return f"{name}: inspect ends with {inspected}, train with {trained}{' and spoilt' if spoiled else ''}\n{said}\n{told}"
    if (change is SSD or change is MASK_RCNN) and inspected != 0:
        return f"{name}: refused\n{said}"
    return ""


def make_files(odt, folder):
    """Records of a few drawn pictures, with and without masks, and their label map."""
    run(odt, folder, "shapes", "--output", "shapes", "--count", "10", "--masks")
    status, said = run(odt, folder, "convert", "labelimg", "--images", "shapes/images", "--annotations",
                       "shapes/annotations", "--output", "data", "--seed", "1", "--split", "0.7")
    if status != 0:
        sys.exit(f"odt convert: {said}")
    status, said = run(odt, folder, "convert", "coco", "--train_image_dir", "shapes/images", "--train_annotations_file",
                       "shapes/instances.json", "--include_masks", "--num_shards", "1", "--output", "masks")
    if status != 0:
        sys.exit(f"odt convert: {said}")
    shutil.copy(folder / "masks/coco_train.record-00000-of-00001", folder / "data/masks.record")
    return folder / "data"


def main():
    arguments = argparse.ArgumentParser(usage=__doc__)
    arguments.add_argument("odt")
    arguments.add_argument("--count", type=int, default=200, help="changes of the SSD's config")
    arguments.add_argument("--two_stage_count", type=int, default=60, help="changes of the Mask R-CNN's config")
    arguments.add_argument("--seed", type=int, default=1)
    arguments.add_argument("--all", action="store_true")
    options = arguments.parse_args()
    odt = os.path.abspath(options.odt)
    changes = [("nothing of an SSD", SSD), ("nothing of a Mask R-CNN", MASK_RCNN)]
    for config, family, count in ((SSD, "SSD", options.count), (MASK_RCNN, "Mask R-CNN", options.two_stage_count)):
        all_changes = list(config_mutations(config, family))
        changes += all_changes if options.all else random.Random(options.seed).sample(all_changes, count)
    changes += [*relation_mutations(), *file_mutations()]
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        files = make_files(odt, folder)
        with multiprocessing.pool.ThreadPool(os.cpu_count()) as pool:
            wrong = [text for text in pool.map(lambda one: check(odt, files, folder, one), changes) if text]
    print("\n\n".join(wrong))
    print(f"{len(changes)} changes, {len(wrong)} of them taken wrongly")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())

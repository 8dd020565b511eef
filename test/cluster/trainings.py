# SPDX-License-Identifier: MIT
"""A small training whose checkpoint is compared, bit for bit, and what the tests of ranks do to it."""
import os
import pathlib
import subprocess
import sys
import time

STEPS = 16


def start(command, at, **environment):
    return subprocess.Popen(list(map(str, command)), cwd=at, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                            env={**os.environ, **environment})


def run(command, at, wanted=0, **environment):
    process = start(command, at, **environment)
    output, _ = process.communicate()
    if process.returncode != wanted:
        sys.exit(f"{' '.join(map(str, command))}: status {process.returncode}, not {wanted}\n{output}")
    return output


TWO_STAGES = """
model { faster_rcnn {
  num_classes: 4
  image_resizer { keep_aspect_ratio_resizer { min_dimension: 96 max_dimension: 160 } }
  feature_extractor { type: "faster_rcnn_inception_v2" first_stage_features_stride: 16 }
  first_stage_anchor_generator { grid_anchor_generator { scales: [0.125, 0.25] aspect_ratios: [0.5, 1.0, 2.0] } }
  first_stage_box_predictor_conv_hyperparams { op: CONV
    regularizer { l2_regularizer { weight: 0 } } initializer { truncated_normal_initializer { stddev: 0.05 } } }
  first_stage_max_proposals: 16
  second_stage_batch_size: 16
  initial_crop_size: 14 maxpool_kernel_size: 2 maxpool_stride: 2
  second_stage_box_predictor { mask_rcnn_box_predictor { use_dropout: true dropout_keep_probability: 0.5
    fc_hyperparams { op: FC regularizer { l2_regularizer { weight: 0 } } initializer { variance_scaling_initializer {} } } } }
  second_stage_post_processing { score_converter: SOFTMAX
    batch_non_max_suppression { iou_threshold: 0.6 max_detections_per_class: 8 max_total_detections: 16 } }
} }
"""


def prepare(odt, at, config):
    """Pictures, records, pipeline.config, and configs of other models."""
    text = pathlib.Path(config).read_text().replace("runs/shapes/data", "data")
    (at / "pipeline.config").write_text(text)
    small = text.replace("ssd_mobilenet_v1", "ssd_inception_v2").replace("height: 256 width: 256", "height: 96 width: 96")
    (at / "ssd_inception_v2.config").write_text(small)
    (at / "faster_rcnn_inception_v2.config").write_text(TWO_STAGES + text[text.index("train_config {"):])
    run([odt, "shapes", "--output", "photos", "--count", "24", "--width", "160", "--height", "120"], at)
    run([odt, "convert", "labelimg", "--images", "photos/images", "--annotations", "photos/annotations", "--output",
         "data"], at)


def flags(*more, steps=STEPS, evaluate=False):
    return ["--num_train_steps", str(steps), "--config_override", "train_config { batch_size: 8 }",
            *([] if evaluate else ["--no_eval"]), *more]


def train(model, *more, config="pipeline.config", **how):
    return ["train", "--pipeline_config_path", config, "--model_dir", model, *flags(*more, **how)]


def checkpoint(at, model, steps=STEPS):
    files = {path.name: path.read_bytes() for path in (at / model).glob(f"model.ckpt-{steps}.*")}
    assert len(files) == 2, f"{model}: {sorted(files)}"
    return files


def ranks_of(model):
    """The processes that train in that directory."""
    found = []
    for entry in pathlib.Path("/proc").iterdir():
        try:
            words = (entry / "cmdline").read_bytes().split(b"\0") if entry.name.isdigit() else []
        except OSError:
            continue
        if words[1:2] == [b"train"] and model.encode() in words:
            found.append(int(entry.name))
    return sorted(found)


def until(happened, what, limit=120):
    ends = time.monotonic() + limit
    while time.monotonic() < ends:
        if result := happened():
            return result
        time.sleep(0.02)
    sys.exit(f"{what() if callable(what) else what}: not within {limit} s")


def until_step(at, model, step, limit=120):
    """Waits until a checkpoint of that step or a later one is there."""
    def there():
        return any(int(path.stem.rsplit("-", 1)[1]) >= step for path in (at / model).glob("model.ckpt-*.index"))
    until(there, f"{model}: a checkpoint of step {step}", limit)

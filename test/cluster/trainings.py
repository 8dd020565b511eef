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


def prepare(odt, at, config):
    """Pictures, records and pipeline.config."""
    (at / "pipeline.config").write_text(pathlib.Path(config).read_text().replace("runs/shapes/data", "data"))
    run([odt, "shapes", "--output", "photos", "--count", "24", "--width", "160", "--height", "120"], at)
    run([odt, "convert", "labelimg", "--images", "photos/images", "--annotations", "photos/annotations", "--output",
         "data"], at)


def flags(*more, steps=STEPS, evaluate=False):
    return ["--num_train_steps", str(steps), "--config_override", "train_config { batch_size: 8 }",
            *([] if evaluate else ["--no_eval"]), *more]


def train(model, *more, **how):
    return ["train", "--pipeline_config_path", "pipeline.config", "--model_dir", model, *flags(*more, **how)]


def checkpoint(at, model):
    files = {path.name: path.read_bytes() for path in (at / model).glob(f"model.ckpt-{STEPS}.*")}
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

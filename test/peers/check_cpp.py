#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Has a compiler make programs of what `odt export --format cpp` writes: the export's own check, bit for bit, and a
program under sanitizers that counts its allocations.

usage: check_cpp.py ODT CONFIG COMPILER...
    CONFIG: examples/shapes.config; COMPILER: a command, with what it needs to find odt's headers and xsimd's
"""
import pathlib
import shlex
import sys
import tempfile

from check_exports import run

OTHER = """
#include "shapes.hpp"
std::string_view name_of(int label) { return shapes::classes[label]; }
"""


def main():
    odt, config, *compiler = sys.argv[1:]
    with tempfile.TemporaryDirectory() as folder:
        at = pathlib.Path(folder)
        run(at, odt, "shapes", "--output", "shapes", "--count", 24, "--masks")
        run(at, odt, "convert", "coco", "--train_image_dir", "shapes/images", "--train_annotations_file",
            "shapes/instances.json", "--num_shards", 1, "--output", "data")
        record = "data/coco_train.record-00000-of-00001"
        run(at, odt, "train", "--pipeline_config_path", config, "--model_dir", "ssd", "--num_train_steps", 20, "--no_eval",
            "--hparams_overrides",
            f"label_map_path=data/label_map.pbtxt,train_input_path={record},eval_input_path={record}")
        said = run(at, odt, "export", "--format", "cpp", "--trained_checkpoint_prefix", "ssd", "--output_directory", "exported",
                   "--name", "shapes", "--check", "shapes/images", "--cxx", shlex.join(compiler)).splitlines()
        print(said[-1])
        if not said[-1].startswith("shapes.hpp agrees on 24 photos") or "by 0 at most, boxes by 0" not in said[-1]:
            sys.exit("\n".join(said))
        (at / "other.cpp").write_text(OTHER)
        flags = next(line for line in said if line.startswith("compile")).partition("c++ ")[2].split(" -I ")[0].split()
        run(at, *compiler, *flags, "-O0", "-Wall", "-Wextra", "-Wshadow", "-Werror", "-fsanitize=address,undefined",
            "-fno-sanitize-recover=all", "-Wl,--wrap=aligned_alloc", "-Iexported",
            pathlib.Path(__file__).with_name("exported_shapes.cpp"), "other.cpp", "-pthread", "-o", "program")
        print(run(at, "./program").strip())


if __name__ == "__main__":
    main()

#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Checks that includes below include/odt point one way and that third-party libraries stay behind their doors.

usage: check_includes.py [ROOT]    (ROOT holds include/; default: the folder above this file)
"""
import pathlib
import re
import sys

# Contract header -> the folder of its policies. Policies of one folder never include each other.
CONTRACTS = {
    "anchor_generator": "anchor_generators",
    "augmentation": "augmentations",
    "backbone": "backbones",
    "box_coder": "box_coders",
    "box_predictor": "box_predictors",
    "calibration": None,
    "detector": None,
    "feature_extractor": "feature_extractors",
    "hard_example_miner": None,
    "image_resizer": None,
    "learning_rate": "learning_rates",
    "loss": "losses",
    "matcher": "matchers",
    "metric": "metrics",
    "neck": "necks",
    "optimizer": "optimizers",
    "post_processing": None,
    "second_stage_box_predictor": "box_predictors",
    "similarity": "similarities",
    "two_stage_feature_extractor": "feature_extractors",
}
POLICIES = {folder for folder in CONTRACTS.values() if folder}

# Headers directly in include/odt that are no contracts, and folders that are no rooms of their own.
ROOM_OF = {
    "ssd": "detector", "detectors": "detector", "faster_rcnn": "detector", "center_net": "detector", "cuda": "detector",
    "pjrt": "detector",
    "adapt": "adapt", "version": "core", "cli": "program", "presets": "program", "odt": "program",
}

# Room -> the rooms that it may include. "contract" and "policy" are all of them; "description" is what a detector is
# (ssd/), "exec" the interface of the back ends in exec/<device>/ ("back_end").
BELOW_TRAIN = {"core", "nn", "contract", "policy", "catalogue", "exec", "description", "back_end", "detector", "io",
               "dataset", "config"}
MAY_INCLUDE = {
    "core": {"core"},
    "nn": {"core", "nn"},
    "contract": {"core", "nn", "contract"},
    "policy": {"core", "nn", "contract"},
    "catalogue": {"core", "nn", "contract", "policy"},
    "io": {"core", "io"},
    "cloud": {"core", "io", "cloud"},
    "http": {"core", "io", "http"},
    "config": {"core", "io", "contract", "policy", "catalogue", "config"},
    "exec": {"core", "nn", "contract", "exec"},
    "description": {"core", "nn", "contract", "config", "exec", "description"},
    "back_end": {"core", "nn", "contract", "exec", "description", "back_end"},
    "detector": {"core", "nn", "contract", "policy", "catalogue", "config", "exec", "description", "back_end", "detector"},
    "adapt": {"core", "adapt"},
    "dataset": {"core", "io", "contract", "policy", "catalogue", "dataset"},
    "train": BELOW_TRAIN | {"train"},
    "detect": BELOW_TRAIN | {"train", "detect"},
    "export": BELOW_TRAIN | {"train", "export"},
    "serve": BELOW_TRAIN | {"train", "detect", "export", "http", "serve"},
    "label": BELOW_TRAIN | {"train", "detect", "http", "label"},
    "distributed": BELOW_TRAIN | {"train", "distributed"},
    "program": BELOW_TRAIN | {"train", "export", "http", "serve", "label", "distributed", "adapt", "detect", "program"},
}

# Third-party header (regular expression) -> the folders or files that may include it. In a .hpp only with "open", or
# where that file is named itself.
DOORS = [
    (r"\w*mmintrin\.h$", {"core/intrinsics.hpp"}, ""),
    (r"xsimd/", {"exec/cpu"}, "open"),
    (r"(xtensor/|xtl/)", {"adapt.hpp"}, "open"),
    (r"(cuda|cub/|cutlass/|cudnn)", {"exec/cuda"}, "open"),
    (r"nccl\.h$", {"distributed/nccl", "distributed/nccl/nccl_transport.hpp"}, ""),
    (r"(google/protobuf/|odt/[a-z_]+\.pb\.h$)", {"io", "config", "export", "serve"}, ""),
    (r"stb_[a-z_]+\.h$", {"io"}, ""),
    (r"(turbojpeg|jpeglib)\.h$", {"io"}, ""),
    (r"zlib\.h$", {"io", "http"}, ""),
    (r"(webp/decode|tiffio|fontconfig/fontconfig|harfbuzz/hb)\.h$", {"io"}, ""),
    (r"leveldb/", {"io"}, ""),
    (r"pugixml", {"dataset", "cloud"}, ""),
    (r"(curl|openssl)/", {"cloud"}, ""),
    (r"grpcpp/", {"serve/grpc"}, ""),
    (r"boost/(asio|beast|system)", {"http"}, ""),
    (r"nlohmann/", {"io", "cloud", "http", "dataset", "train", "detect", "export", "cli", "serve", "label"}, ""),
    (r"CLI/", {"cli", "cli/cli11.hpp"}, ""),
    (r"flatbuffers/", {"export"}, ""),
    (r"mpi\.h$", {"distributed", "distributed/mpi/mpi_transport.hpp"}, ""),
]
SYSTEM = re.compile(r"(sys/\w+|arpa/\w+|netinet/\w+|iconv|unistd|fcntl|glob|fnmatch|time|signal|poll|sched|pthread|netdb|dlfcn|spawn|malloc)\.h$")


def includes(path):
    text = path.read_text(encoding="utf-8")
    text = re.sub(r'R"(\w*)\(.*?\)\1"', lambda m: "\n" * m.group(0).count("\n"), text, flags=re.S)
    for number, line in enumerate(text.split("\n"), 1):
        match = re.match(r'\s*#\s*include\s*([<"])([^>"]+)[>"]', line)
        if match:
            yield number, match.group(1), match.group(2)


def room_of(relative):
    """The room of "core/box.hpp", "box_coder.hpp", "box_coders/square.hpp", ...; None when it is not known."""
    parts = relative.split("/")
    top = parts[0].rsplit(".", 1)[0]
    if len(parts) == 1:
        if top in CONTRACTS:
            return "contract"
        return "catalogue" if top in POLICIES else ROOM_OF.get(top)
    if ROOM_OF.get(parts[0]) == "detector":
        return "description"
    if parts[0] == "exec" and len(parts) > 2:
        return "back_end"
    if parts[0] in POLICIES:
        return "catalogue" if parts[1].startswith("catalogue.") else "policy"
    return top if top in MAY_INCLUDE else ROOM_OF.get(top)


def direction_error(source, target):
    """What is wrong with `source` including `target` (both below odt/), or None."""
    if source.rsplit(".", 1)[0] == target.rsplit(".", 1)[0]:
        return None  # x.hpp and x.ipp
    if source.startswith("feature_extractors/") and target.startswith(("backbones/", "necks/")):
        return None  # an extractor is a backbone with a neck
    room, other = room_of(source), room_of(target)
    if other is None:
        return f"odt/{target} is in no known room; add it to the table of check_includes.py"
    if other not in MAY_INCLUDE[room]:
        return f"{room} does not include {other} (odt/{target})"
    if room == "policy" and other == "contract":
        folder = source.split("/")[0]
        if CONTRACTS[target.rsplit(".", 1)[0]] != folder:
            return f"a policy of {folder}/ includes no other contract than its own (odt/{target})"
    return None


def door_error(source, target):
    for pattern, doors, visibility in DOORS:
        if re.match(pattern, target):
            if not any(source == door or source.startswith((door + "/", door + ".")) for door in doors):
                return f"{target} belongs behind {', '.join(sorted(doors))}"
            if source.endswith(".hpp") and visibility != "open" and source not in doors:
                return f"{target} belongs in the .ipp; headers stay light"
            return None
    if "." not in target and "/" not in target:
        return None  # the standard library
    if SYSTEM.match(target):
        return None
    return f"{target} is no known library; add its door to check_includes.py"


def find_cycle(graph):
    state, stack = {}, []

    def visit(node):
        state[node] = 1
        stack.append(node)
        for following in graph.get(node, ()):
            if state.get(following) == 1:
                return stack[stack.index(following):] + [following]
            if following not in state and (cycle := visit(following)):
                return cycle
        stack.pop()
        state[node] = 2
        return None

    for node in sorted(graph):
        if node not in state and (cycle := visit(node)):
            return cycle
    return None


def check(root):
    errors, graph = [], {}
    base = root / "include" / "odt"
    files = sorted([*base.rglob("*.hpp"), *base.rglob("*.ipp"), *base.rglob("*.cuh"), *base.rglob("*.cu")])
    for path in files:
        source = path.relative_to(base).as_posix()
        if room_of(source) is None:
            errors.append(f"{path}: is in no known room; add it to the table of check_includes.py")
            continue
        for number, bracket, target in includes(path):
            ours = target.startswith("odt/") and not target.endswith(".pb.h")
            if bracket == '"':
                problem = "write <odt/...>"
            elif ours:
                target = target[len("odt/"):]
                problem = direction_error(source, target)
                if not (target.endswith(".ipp") or source.endswith(".ipp")):
                    graph.setdefault(source, set()).add(target)
            else:
                problem = door_error(source, target)
            if problem:
                errors.append(f"{path}:{number}: {problem}")
    if cycle := find_cycle(graph):
        errors.append("headers include each other in a circle: " + " -> ".join(cycle))
    return errors, len(files)


def main():
    root = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else pathlib.Path(__file__).resolve().parent.parent
    errors, count = check(root)
    print("\n".join(errors) if errors else f"the includes of {count} headers point the right way")
    return 1 if errors or not count else 0


if __name__ == "__main__":
    sys.exit(main())

#!/usr/bin/env bash
# COCO's metrics by odt and by pycocotools, alternating, on the same data: prints every run, checks that the twelve
# numbers agree to 1e-6, then the medians and their ratio. The pycocotools of $PYTHON (default python3) is the peer.
#   bench/compare_metrics.sh [--rounds N] [--images N --classes N --detections N]
set -euo pipefail
cd "$(dirname "$0")/.."
rounds=3
if [ "${1:-}" = --rounds ]; then rounds=$2; shift 2; fi
python=${PYTHON:-python3}
ours=${ODT_BENCH:-build/release/bin/bench_metrics}
[ -x "$ours" ] || { echo "compare_metrics.sh: there is no $ours; build it: cmake --build --preset release --target bench_metrics" >&2; exit 1; }
"$python" -c 'import pycocotools' 2>/dev/null || { echo "compare_metrics.sh: $python has no pycocotools; set PYTHON to one that has" >&2; exit 1; }
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"$ours" "$@" --write "$folder"
for ((i = 0; i < rounds; ++i)); do
  "$ours" "$@" | tee -a "$folder/lines"
  "$python" bench/peers/pycocotools_eval.py "$folder" | tee -a "$folder/lines"
done
"$python" - "$folder/lines" <<'PY'
import json, statistics, sys
rows = [json.loads(line) for line in open(sys.argv[1])]
ours, peer = ([row for row in rows if (row["program"] == "odt") == wanted] for wanted in (True, False))
apart = max(abs(a - b) for row in ours for other in peer for a, b in zip(row["summary"], other["summary"], strict=True))
if not apart < 1e-6:
    sys.exit(f"the twelve numbers differ by up to {apart:g}")
seconds = [statistics.median(row["seconds"] for row in side) for side in (ours, peer)]
print(f"twelve numbers within {apart:.1g}; median s: odt {seconds[0]:.4f}, pycocotools {seconds[1]:.2f}; "
      f"ratio {seconds[1] / seconds[0]:.1f}")
PY

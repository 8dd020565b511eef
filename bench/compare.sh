#!/usr/bin/env bash
# Train steps of odt and PyTorch, alternating, on the same machine at the same time; prints every repetition, then medians
# and their ratio. The PyTorch of $PYTHON (default python3) is the peer.
#   bench/compare.sh [--rounds N] [flags that both programs know: --model --batch_size --threads --steps ...]
set -euo pipefail
cd "$(dirname "$0")/.."
rounds=5
if [ "${1:-}" = --rounds ]; then rounds=$2; shift 2; fi
python=${PYTHON:-python3}
ours=${ODT_BENCH:-build/release/bin/bench_train_step}
[ -x "$ours" ] || { echo "compare.sh: there is no $ours; build it: cmake --build --preset release --target bench_train_step" >&2; exit 1; }
"$python" -c 'import torch' 2>/dev/null || { echo "compare.sh: $python has no torch; set PYTHON to one that has" >&2; exit 1; }
# No page faults from the allocator: the fair setting for PyTorch.
tuned=(env MALLOC_MMAP_MAX_=0 MALLOC_TRIM_THRESHOLD_=20000000000 GLIBC_TUNABLES=glibc.malloc.hugetlb=1)
lines=$(mktemp)
trap 'rm -f "$lines"' EXIT
for ((i = 0; i < rounds; ++i)); do
  "$ours" --json "$@" | tee -a "$lines"
  "${tuned[@]}" "$python" bench/peers/torch_train_step.py "$@" 2>/dev/null | tee -a "$lines"
done
"$python" - "$lines" <<'PY'
import json, statistics, sys
rates = {}
for line in open(sys.argv[1]):
    row = json.loads(line)
    rates.setdefault("odt" if row["program"] == "odt" else "torch", []).append(row["img_per_s"])
ours, peer = statistics.median(rates["odt"]), statistics.median(rates["torch"])
ratios = sorted(a / b for a, b in zip(rates["odt"], rates["torch"]))
print(f"median img/s: odt {ours:.2f}, PyTorch {peer:.2f}; ratio pair by pair {ratios[0]:.2f} .. "
      f"{statistics.median(ratios):.2f} .. {ratios[-1]:.2f}")
PY

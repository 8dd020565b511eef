#!/usr/bin/env bash
# Steps of odt and a peer, alternating; see compare.py. $PYTHON (default python3) is one that has torch, and for
# --forward_only onnx, onnxscript and onnxruntime; $ODT_BENCH another bench_train_step than that of build/release.
#   bench/compare.sh [--rounds N] [--peer best|eager|compile|...] [--isa avx2] [flags of both: --model --batch_size ...]
set -euo pipefail
exec "${PYTHON:-python3}" "$(dirname "$0")/compare.py" "$@"

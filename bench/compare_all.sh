#!/usr/bin/env bash
# All comparisons, and a table of them at the end; see compare_all.py and compare.sh.
#   bench/compare_all.sh [--rounds N] [--only TEXT] [--output FILE]
set -euo pipefail
exec "${PYTHON:-python3}" "$(dirname "$0")/compare_all.py" "$@"

#!/bin/bash
# SPDX-License-Identifier: MIT
# What bash completes of a command line: packaging/check_completion.sh PROGRAM
set -eu
PATH=$(dirname "$1"):$PATH
. "$(dirname "${BASH_SOURCE[0]}")/odt.bash"
compopt() { :; }
cd "$(mktemp -d)"
trap 'rm -r "$PWD"' EXIT
touch 'a photo.jpg' pipeline.config

failures=0
# expect WORDS... -- RESULTS...: the last word is completed
expect() {
  local wanted
  COMP_WORDS=()
  while [[ $1 != -- ]]; do COMP_WORDS+=("$1"); shift; done
  shift
  COMP_CWORD=$((${#COMP_WORDS[@]} - 1)) COMPREPLY=()
  _odt odt
  printf -v wanted '%s\n' "$@"
  [[ $(printf '%s\n' "${COMPREPLY[@]}" | sort) == "${wanted%$'\n'}" ]] && return
  printf '%s: "%s", not "%s"\n' "${COMP_WORDS[*]}" "${COMPREPLY[*]}" "$*"
  failures=$((failures + 1))
}

expect odt tr -- train
expect odt '' -- bench checkpoint convert detect eval export inspect label launch legacy-eval legacy-train serve shapes train
expect odt --v -- --version
expect odt convert '' -- coco csv labelimg pets voc
expect odt export --format '' -- cpp onnx stablehlo tensorflow tflite
expect odt checkpoint '' -- average convert diff list
expect odt checkpoint convert --names '' -- api stored
expect odt convert voc --ima -- --images
expect odt train --save -- --save_checkpoints_secs --save_checkpoints_steps
expect odt train --device '' -- auto cpu cuda pjrt:FILE tpu
expect odt train --device = cu -- cuda
expect odt train --model_dir bench --on_bad_example f -- fail
expect odt train --pipeline_config_path pipe -- pipeline.config
expect odt detect --checkpoint model 'a' -- 'a photo.jpg'
[[ $failures = 0 ]] && echo "bash completes as it should"
exit $((failures > 0))

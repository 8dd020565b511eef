#!/bin/sh
# Whether a program trains: draws pictures, trains on them for a few steps and evaluates, in at most two minutes.
#   packaging/two_minutes.sh PROGRAM [DIRECTORY]
set -eu
odt=$1 work=${2:-$(mktemp -d)}
config=$(dirname "$0")/../examples/shapes.config
$odt --version
$odt shapes --output "$work/photos" --count 64 --seed 1
$odt convert labelimg --images "$work/photos/images" --annotations "$work/photos/annotations" \
  --output "$work/data" --split 0.75 --seed 1
$odt train --pipeline_config_path "$config" --model_dir "$work/model" --num_train_steps 20 --no_eval \
  --log_every 5 --hparams_overrides "batch_size=8,model.ssd.num_classes=4,label_map_path=$work/data/label_map.pbtxt,\
train_input_path=$work/data/train.record,eval_input_path=$work/data/val.record"
$odt eval --checkpoint "$work/model" --run_once
echo "$odt trains: its losses are above"

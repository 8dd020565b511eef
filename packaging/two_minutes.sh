#!/bin/sh
# Whether a program of odt works, in at most two minutes: draws pictures, converts them, trains and evaluates.
#   packaging/two_minutes.sh PROGRAM [FOLDER]
# PROGRAM is examples/minimal.cpp or examples/odt.cpp, compiled anywhere or in PATH; what it makes goes to FOLDER.
set -eu
program=$(realpath "$(command -v "$1")")
config=$(realpath "$(dirname "$0")/../examples/shapes.config")
folder=${2:-$(mktemp -d)}
mkdir -p "$folder"
cd "$folder"
rm -rf photos data model

"$program" --version
"$program" shapes --output photos --count 80 --seed 1
"$program" convert labelimg --images photos/images --annotations photos/annotations --output data --split 0.9 --seed 1
# What examples/minimal.cpp is compiled for.
sed 's/ssd_mobilenet_v1/ssd_inception_v2/; s/adam_optimizer/rms_prop_optimizer/' "$config" > pipeline.config
timeout 100 "$program" train --pipeline_config_path pipeline.config --model_dir model --num_train_steps 25 --seed 1 \
  --log_every 5 --no_eval --hparams_overrides "label_map_path=data/label_map.pbtxt,\
train_input_path=data/train.record,eval_input_path=data/val.record,batch_size=8,\
model.ssd.image_resizer.fixed_shape_resizer.height=128,model.ssd.image_resizer.fixed_shape_resizer.width=128"
"$program" eval --checkpoint model --run_once

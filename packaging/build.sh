#!/bin/sh
# Builds the program for each x86-64 level and packs it: build/packages/*.deb and *.tar.gz. Needs what
# examples/packages.sh lists, and python3; no root.
set -eu
cd "$(dirname "$0")/.."
: "${CMAKE_BUILD_PARALLEL_LEVEL:=$(nproc)}"
export CMAKE_BUILD_PARALLEL_LEVEL
if [ "$(uname -m)" != x86_64 ]; then  # one program, without a launcher
  set -- -DODT_LEVELS= -DODT_EXAMPLES=ON "-DCMAKE_PROJECT_odt_INCLUDE=$PWD/packaging/static.cmake" "$@"
fi
CMAKE_GENERATOR=Ninja cmake --preset package "$@"
cmake --build --preset package
rm -rf build/packages
cpack --config build/package/CPackConfig.cmake -B build/packages
rm -rf build/packages/_CPack_Packages
ls -l build/packages

#!/bin/sh
# Runs the vcpkg port's steps with Debian's libraries, without vcpkg, and uses a program that finds odt in its package.
set -eu
cd "$(dirname "$0")/.."
. examples/packages.sh
odt_install $ODT_PACKAGES

work=$PWD/build/vcpkg
export CMAKE_GENERATOR=Ninja
cmake -DWORK=$work -P packaging/vcpkg/run_port.cmake
cmake -S test/consumer -B $work/consumer -DCMAKE_BUILD_TYPE=Release -DCMAKE_PREFIX_PATH=$work/packages \
  -DTRAINER_SOURCE=$PWD/examples/minimal.cpp
cmake --build $work/consumer --target trainer
packaging/two_minutes.sh $work/consumer/trainer $work/two_minutes

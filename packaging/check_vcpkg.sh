#!/bin/sh
# Runs the vcpkg port's steps with Debian's libraries, without vcpkg, and uses a program that finds odt in its package.
set -eu
cd "$(dirname "$0")/.."
. examples/packages.sh
odt_install $ODT_PACKAGES

work=$PWD/build/vcpkg
export CMAKE_GENERATOR=Ninja
cmake -DWORK=$work -P packaging/vcpkg/run_port.cmake
cmake -S packaging/conan/test_package -B $work/program -DCMAKE_BUILD_TYPE=Release -DCMAKE_PREFIX_PATH=$work/packages
cmake --build $work/program
packaging/two_minutes.sh $work/program/trainer $work/two_minutes

#!/bin/sh
# Makes the Conan package with Debian's libraries, then trains with its test package's program. Conan is PyPI's.
set -eu
cd "$(dirname "$0")/.."
. examples/packages.sh
odt_install $ODT_PACKAGES python3-venv

venv=build/conan/venv
if [ ! -x $venv/bin/conan ]; then
  python3 -m venv $venv
  $venv/bin/pip install -q 'conan>=2.3,<3'
fi
export CONAN_HOME=$PWD/build/conan/home
$venv/bin/conan remote disable '*' > /dev/null  # Debian has all
$venv/bin/conan create . -pr:a packaging/conan/profiles/debian
packaging/two_minutes.sh "$(ls -t build/conan/*/trainer | head -n 1)" build/conan/two_minutes

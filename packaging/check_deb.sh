#!/bin/sh
# Installs build/packages/*.deb in a clean Debian, trains there for two minutes, and configures a project with the
# headers. Needs root (chroot) and debootstrap.
#   packaging/check_deb.sh [SUITE] [DIRECTORY]    SUITE: bookworm (default), trixie, ...
#                                                 DIRECTORY of the clean root: is kept, and taken again
set -eu
suite=${1:-bookworm}
cd "$(dirname "$0")/.."
if [ "$(id -u)" != 0 ]; then
  echo "packaging/check_deb.sh needs root, for chroot" >&2
  exit 1
fi
log=$(mktemp)
root=${2-}
temporary=
[ -n "$root" ] || root=$(mktemp -d) temporary=$root
trap 'rm -rf "$log" "$temporary"' EXIT
# The mirror that apt uses here; none: debootstrap's own.
mirror=$(apt-get indextargets --format '$(SITE)' 'Created-By: Packages' 'Origin: Debian' | head -n 1)

echo "== clean $suite"
quietly() { "$@" > "$log" 2>&1 || { cat "$log"; exit 1; }; }
[ -d "$root/etc" ] || quietly debootstrap --variant=minbase "$suite" "$root" $mirror
for file in resolv.conf hosts; do cat /etc/$file > "$root/etc/$file"; done
rm -rf "$root/check"
mkdir -p "$root/check/packaging" "$root/check/examples"
cp packaging/two_minutes.sh "$root/check/packaging"
cp examples/shapes.config examples/minimal.cpp "$root/check/examples"
cat > "$root/check/CMakeLists.txt" <<'END'
cmake_minimum_required(VERSION 3.25)
project(check LANGUAGES CXX)
find_package(odt REQUIRED)
add_executable(minimal examples/minimal.cpp)
target_link_libraries(minimal PRIVATE odt::support)
END
cp build/packages/odt_*.deb "$root/check/odt.deb"
cp build/packages/libodt-dev_*.deb "$root/check/libodt-dev.deb"
inside() { chroot "$root" env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin DEBIAN_FRONTEND=noninteractive "$@"; }
add() { quietly inside apt-get install -qqy --no-install-recommends "$@"; }

echo "== the program"
quietly inside apt-get update -q
add /check/odt.deb
inside dpkg-query -W -f '${Package} ${Version} depends on ${Depends}\n' odt
inside sh /check/packaging/two_minutes.sh odt /check/deb

echo "== the archive"
tar xzf build/packages/odt-*.tar.gz -C "$root/check"
inside sh -c '/check/odt-*/bin/odt --version'

echo "== the headers"
add /check/libodt-dev.deb g++ cmake ninja-build pkgconf
inside dpkg-query -W -f '${Package} ${Version} depends on ${Depends}\n' libodt-dev
inside cmake -S /check -B /check/build -G Ninja
inside sh -c 'pkg-config --modversion odt && g++ -fsyntax-only $(pkg-config --cflags odt) /check/examples/minimal.cpp'
echo "== $suite runs the packages"

# Debian's and Ubuntu's packages; for scripts that build odt.
ODT_PACKAGES="build-essential cmake ninja-build libxsimd-dev libxtensor-dev libprotobuf-dev protobuf-compiler libstb-dev
  libcli11-dev libpugixml-dev nlohmann-json3-dev libleveldb-dev libsnappy-dev libturbojpeg0-dev libjpeg-dev zlib1g-dev"
ODT_TEST_PACKAGES="ccache libbenchmark-dev libboost-test-dev python3"

# Installs those of the given packages that are missing.
odt_install() {
  missing=
  for package in "$@"; do
    dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || missing="$missing $package"
  done
  [ -z "$missing" ] && return 0
  echo "installing:$missing"
  as_root=
  [ "$(id -u)" = 0 ] || as_root=sudo
  $as_root apt-get update -q
  $as_root env DEBIAN_FRONTEND=noninteractive apt-get install -qy --no-install-recommends $missing
}

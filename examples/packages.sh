# Debian's and Ubuntu's packages; for scripts that build odt.
ODT_PACKAGES="build-essential cmake ninja-build libxsimd-dev libxtensor-dev libprotobuf-dev protobuf-compiler libstb-dev
  libcli11-dev libpugixml-dev nlohmann-json3-dev libleveldb-dev libsnappy-dev libturbojpeg0-dev libjpeg-dev zlib1g-dev
  libwebp-dev libtiff-dev libfontconfig-dev libharfbuzz-dev libflatbuffers-dev libboost-dev
  libcurl4-openssl-dev libssl-dev libgrpc++-dev"
ODT_TEST_PACKAGES="ccache libbenchmark-dev libboost-test-dev python3"
# Other compilers and tools, whose tests are skipped without them.
ODT_ALL_TEST_PACKAGES="clang-16 clang-tidy-16 clang-format-16 g++-aarch64-linux-gnu qemu-user python3-venv
  ffmpeg libopenmpi-dev openmpi-bin iproute2 munge slurm-client slurmctld slurmd chromium chromium-driver"

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

# The same for those of the given packages that this distribution has.
odt_install_available() {
  apt-cache show "$@" > /dev/null 2>&1 || $([ "$(id -u)" = 0 ] || echo sudo) apt-get update -q
  known=
  for package in "$@"; do
    if apt-cache show "$package" > /dev/null 2>&1; then known="$known $package"; else echo "not here: $package"; fi
  done
  odt_install $known
}

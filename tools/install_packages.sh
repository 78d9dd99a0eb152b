#!/bin/sh
# Installs the Debian packages that building, testing and the demonstration need; those that are there already are left
# alone, and when all are there nothing is asked of apt at all. This is the one list of them.
#
#   tools/install_packages.sh [build] [test] [demo]      (all groups by default)
set -eu

build="g++ cmake ninja-build ccache pkg-config protobuf-compiler libprotobuf-dev libprotoc-dev zlib1g-dev libfmt-dev libcli11-dev
  libxxhash-dev liblz4-dev libzstd-dev scdoc"
test="libgtest-dev clang-format clang-tidy python3 procps redis-server perl sqlite3 xz-utils nodejs"
demo="python3 procps redis-server"

# Whether each word is an installed package, by what it brings where another package may bring it too.
missing() {
  for package in "$@"; do
    dpkg-query -W -f='${db:Status-Abbrev}\n' "$package" 2>/dev/null | grep -q '^.i' || echo "$package"
  done
}

as_root() {
  if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi
}

# Installing redis-server would start one. A policy says no for the time of the installation, unless there is one.
forbid_services() {
  policy=/usr/sbin/policy-rc.d
  [ -e "$policy" ] && return
  trap 'as_root rm -f "$policy"' EXIT
  printf '#!/bin/sh\nexit 101\n' | as_root tee "$policy" >/dev/null
  as_root chmod 755 "$policy"
}

wanted=
for group in "${@:-all}"; do
  case $group in
    build) wanted="$wanted $build" ;;
    test) wanted="$wanted $test" ;;
    demo) wanted="$wanted $demo" ;;
    all) wanted="$build $test $demo" ;;
    *) echo "usage: $0 [build] [test] [demo]" >&2 && exit 2 ;;
  esac
done

# shellcheck disable=SC2086  # words
absent=$(missing $wanted | sort -u)
[ -z "$absent" ] && exit 0
echo "installing:" $absent
forbid_services
as_root apt-get update -qq
# shellcheck disable=SC2086
as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $absent >/dev/null

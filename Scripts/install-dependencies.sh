#!/usr/bin/env bash
# Makes sure that what Freshet needs besides Swift is there: with apt where that is possible, else by saying what is missing and how to get it.
# usage: install-dependencies.sh run|test|bench
set -euo pipefail
cd "$(dirname "$0")/.."

missing=()
need_header() { # header, Debian package
  [ -e "/usr/include/$1" ] || [ -e "/usr/local/include/$1" ] || [ -e "/opt/homebrew/include/$1" ] || missing+=("$2")
}
need_command() { # command, Debian package
  command -v "$1" >/dev/null 2>&1 || missing+=("$2")
}

need_header librdkafka/rdkafka.h librdkafka-dev
need_header hiredis/hiredis.h libhiredis-dev
need_header zlib.h zlib1g-dev
need_header zstd.h libzstd-dev
need_command redis-server redis-server
if [ "${1:-run}" = test ]; then
  need_command python3 python3
  python3 -c 'import ensurepip, venv' 2>/dev/null || missing+=(python3-venv)
  need_command jq jq
  need_command gzip gzip
  need_command zstd zstd
  need_header lua5.1/lua.h liblua5.1-0-dev
  # For promtool, which checks metrics, rules and their tests. Without it those are left out; no server of it runs.
  if command -v apt-get >/dev/null 2>&1; then need_command promtool prometheus; fi
  # The monitor's page is tested in a real browser; without one those tests are left out.
  if command -v apt-get >/dev/null 2>&1; then
    need_command chromium chromium
    need_command chromedriver chromium-driver
    command -v fc-list >/dev/null 2>&1 && fc-list 2>/dev/null | grep -q . || missing+=(fonts-dejavu-core)
  fi
fi
if [ "${1:-run}" = bench ]; then
  need_header simdjson.h libsimdjson-dev
  need_command g++ g++
fi

# A Python of the tests' own, with readers that share no code with Freshet.
test_python=.build/test-python
make_test_python() {
  [ "${1:-run}" = test ] || return 0
  # Zstandard is part of Python from 3.14 on.
  local check='import fastavro, importlib.util as u; assert u.find_spec("compression") or u.find_spec("backports.zstd")'
  "$test_python/bin/python3" -c "$check" 2>/dev/null && return 0
  echo "Making $test_python with fastavro ..." >&2
  rm -rf "$test_python"
  python3 -m venv "$test_python"
  "$test_python/bin/pip" install --quiet --disable-pip-version-check fastavro==1.13.1 "backports.zstd==1.8.0; python_version < '3.14'"
}

if ! command -v swift >/dev/null 2>&1; then
  echo "Swift 6.2 or newer is missing: https://www.swift.org/install/" >&2
  exit 69
fi
if [ ${#missing[@]} -eq 0 ]; then
  make_test_python "$@"
  exit 0
fi

if command -v apt-get >/dev/null 2>&1; then
  as_root=()
  if [ "$(id -u)" -ne 0 ]; then
    if ! command -v sudo >/dev/null 2>&1; then
      echo "Missing: ${missing[*]}. Install them as root: apt-get install ${missing[*]}" >&2
      exit 69
    fi
    as_root=(sudo)
  fi
  echo "Installing ${missing[*]} with apt-get ..." >&2
  # The demo and the tests start a redis-server of their own: RUNLEVEL=1 keeps the package from starting the system's service.
  "${as_root[@]}" apt-get update -qq
  "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive RUNLEVEL=1 apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
  make_test_python "$@"
  exit 0
fi

cat >&2 <<TEXT
Missing: ${missing[*]} (Debian's names). There is no apt-get here; get them with your system's package manager, for example
  Fedora:   dnf install librdkafka-devel hiredis-devel zlib-devel libzstd-devel redis python3 jq zstd
  Arch:     pacman -S librdkafka hiredis zlib zstd redis python jq
  macOS:    brew install librdkafka hiredis zlib zstd redis python jq
TEXT
exit 69

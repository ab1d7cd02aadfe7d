#!/usr/bin/env bash
# Makes sure that what Freshet needs besides Swift is there: with apt where that is possible, else by saying what is missing and how to get it.
# usage: install-dependencies.sh run|test
set -euo pipefail

missing=()
need_header() { # header, Debian package
  [ -e "/usr/include/$1" ] || [ -e "/usr/local/include/$1" ] || [ -e "/opt/homebrew/include/$1" ] || missing+=("$2")
}
need_command() { # command, Debian package
  command -v "$1" >/dev/null 2>&1 || missing+=("$2")
}

need_header librdkafka/rdkafka.h librdkafka-dev
need_header hiredis/hiredis.h libhiredis-dev
need_command redis-server redis-server
if [ "${1:-run}" = test ]; then
  need_command python3 python3
  need_command jq jq
fi

if ! command -v swift >/dev/null 2>&1; then
  echo "Swift 6.2 or newer is missing: https://www.swift.org/install/" >&2
  exit 69
fi
[ ${#missing[@]} -eq 0 ] && exit 0

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
  exit 0
fi

cat >&2 <<TEXT
Missing: ${missing[*]} (Debian's names). There is no apt-get here; get them with your system's package manager, for example
  Fedora:   dnf install librdkafka-devel hiredis-devel redis python3 jq
  Arch:     pacman -S librdkafka hiredis redis python jq
  macOS:    brew install librdkafka hiredis redis python jq
TEXT
exit 69

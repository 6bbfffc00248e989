#!/usr/bin/env bash
# Installs what the tests need beside Go, and says nothing when it is all there:
# a C compiler with its library for the race detector, and Chromium for the
# browser test of examples/signin.
set -euo pipefail

have_c_compiler() {
  local cc
  read -ra cc <<<"$(go env CC)"
  echo '#include <stdlib.h>' | "${cc[@]}" -E -x c -o /dev/null - 2>/dev/null
}

have_browser() {
  local name
  for name in chromium chromium-browser google-chrome; do
    if command -v "$name" >/dev/null; then return; fi
  done
  return 1
}

can_install() {
  [[ $(id -u) == 0 ]] && grep -qs '^ID=debian$' /etc/os-release
}

missing=()
have_c_compiler || missing+=(gcc libc6-dev)
have_browser || missing+=(chromium)

if [[ ${#missing[@]} == 0 ]]; then
  exit 0
fi

if ! can_install; then
  echo "setup: missing for the tests, please install: ${missing[*]}" >&2
  exit 0
fi

echo "setup: installing ${missing[*]} with apt-get"
export DEBIAN_FRONTEND=noninteractive
apt-get update -qq
apt-get install -qq -y --no-install-recommends "${missing[@]}"

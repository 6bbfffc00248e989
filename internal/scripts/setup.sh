#!/usr/bin/env bash
# setup.sh ENGINE...
#
# Installs what the tests need beside Go, and says nothing when it is all there:
# a C compiler with its library for the race detector, Chromium for the browser
# test of examples/signin, Node.js with the npm packages that package interop runs,
# and for the engines Docker with an image of each.
set -euo pipefail
source "$(dirname "$0")/debian.sh"

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

have_node() { command -v node >/dev/null && command -v npm >/dev/null; }

# npm keeps a copy of the lock file with what it has installed.
have_packages() { [[ node_modules/.package-lock.json -nt package-lock.json ]]; }

install_packages() {
  echo "setup: installing the npm packages of interop/oracle" >&2
  npm ci --no-audit --no-fund --ignore-scripts --loglevel=error >/dev/null
}

missing=()
have_c_compiler || missing+=(gcc libc6-dev)
have_browser || missing+=(chromium)
have_node || missing+=(nodejs npm)
if [[ ${#missing[@]} -gt 0 ]]; then install "${missing[@]}"; fi

if have_node; then (cd interop/oracle && { have_packages || install_packages || true; }); fi

# What is missing here the tests miss too, and say so.
if [[ $# -gt 0 ]] && internal/scripts/docker.sh; then
  for engine in "$@"; do
    internal/scripts/image.sh "$engine" >/dev/null || true
  done
fi

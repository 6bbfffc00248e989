#!/usr/bin/env bash
# setup.sh ENGINE...
#
# Installs what the tests need beside Go, and says nothing when it is all there:
# a C compiler with its library for the race detector, Chromium for the tests in
# a browser, cfn-lint for the template of dynamodb, Node.js with the
# npm packages that package interop runs and the one in npm, which is built, shellcheck and
# luacheck for make lint, and for the engines Docker with an image of each.
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

cfn_lint=cfn-lint==1.58.0

have_cfn_lint() { PYTHONPATH=build/cfn-lint python3 -c 'import cfnlint' 2>/dev/null; }

have_pip() { python3 -m pip --version >/dev/null 2>&1; }

have_node() { command -v node >/dev/null && command -v npm >/dev/null; }

# npm keeps a copy of the lock file with what it has installed.
have_packages() { [[ node_modules/.package-lock.json -nt package-lock.json ]]; }

install_packages() {
  echo "setup: installing the npm packages of $1" >&2
  npm ci --no-audit --no-fund --ignore-scripts --loglevel=error >/dev/null
}

have_compiler() { [[ -x npm/node_modules/.bin/tsc ]]; }

have_build() { [[ -e npm/dist/index.js && -z $(find npm/src npm/tsconfig.json -newer npm/dist/index.js) ]]; }

missing=()
have_cfn_lint || have_pip || missing+=(python3-pip)
have_c_compiler || missing+=(gcc libc6-dev)
have_browser || missing+=(chromium)
have_node || missing+=(nodejs npm)
command -v shellcheck >/dev/null || missing+=(shellcheck)
command -v luacheck >/dev/null || missing+=(lua-check)
if [[ ${#missing[@]} -gt 0 ]]; then install "${missing[@]}"; fi

# What is missing below the tests miss too, and say so.
if ! have_cfn_lint && have_pip; then
  echo "setup: installing $cfn_lint in build/cfn-lint" >&2
  mkdir -p build
  python3 -m pip install -q --root-user-action=ignore --target build/cfn-lint "$cfn_lint" >build/pip.log 2>&1 ||
    tail -n 20 build/pip.log >&2
fi
if have_node; then
  for folder in npm interop/oracle; do
    (cd "$folder" && { have_packages || install_packages "$folder" || true; })
  done
  if ! have_build && have_compiler; then (cd npm && npm run build --silent); fi
fi

if [[ $# -gt 0 ]] && internal/scripts/docker.sh; then
  for engine in "$@"; do
    internal/scripts/image.sh "$engine" >/dev/null || true
  done
fi

#!/usr/bin/env bash
# lint.sh
#
# Checks every script: those of bash by shellcheck, those that run in Redis by luacheck.
# One of the two that is not installed (make setup) is said, and is a failure where CI is
# set.
set -euo pipefail

have() {
  if command -v "$1" >/dev/null; then return; fi
  echo "lint: $1 is not installed (make setup), so $2 are not checked" >&2
  if [[ -n ${CI:-} ]]; then status=1; fi
  return 1
}

status=0
mapfile -t scripts < <(find . -name node_modules -prune -o -path ./build -prune -o \( -name '*.sh' -o -path './.ci/run' \) -print)
if have shellcheck "scripts of bash"; then shellcheck "${scripts[@]}" || status=1; fi

# lua_check FOLDER checks scripts that have the functions of common.lua before them, and
# common.lua itself, in which no function is unused that another script uses.
lua_check() {
  local names others
  names=$(sed -nE 's/^local function ([A-Za-z_]+).*/\1/p; s/^local ([A-Za-z_, ]+) = .*/\1/p' "$1/common.lua" | tr -d ,)
  mapfile -t others < <(find "$1" -name '*.lua' ! -name common.lua)
  # shellcheck disable=SC2086 # one name a word
  quietly luacheck --no-color -q "${others[@]}" --read-globals $names &&
    quietly luacheck --no-color -q "$1/common.lua" --ignore 211
}

# quietly shows what a command prints only if it fails.
quietly() {
  local output
  output=$("$@" 2>&1) || { echo "$output" >&2; return 1; }
}

if have luacheck "scripts of Redis"; then
  for folder in redis/lua redis/upstash/lua redis/betterauth/lua; do lua_check "$folder" || status=1; done
fi
exit "$status"

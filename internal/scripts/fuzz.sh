#!/usr/bin/env bash
# fuzz.sh TIME
#
# Runs every fuzz target of the module for TIME (such as 5s), one at a time, as
# go test -fuzz takes a single target of a single package.
set -euo pipefail

fuzztime=$1

# go test -list prints the names of a package's targets and then a line
# "ok <package> <time>".
listing=$(go test -timeout 10m -list '^Fuzz' ./...)
targets=$(awk '
  /^Fuzz/     { names[++n] = $1 }
  $1 == "ok"  { for (i = 1; i <= n; i++) print $2, names[i]; n = 0 }
' <<<"$listing")

if [[ -z $targets ]]; then
  echo "fuzz: no fuzz target found" >&2
  exit 1
fi

while read -r package target; do
  echo "fuzz: $target of $package for $fuzztime"
  go test "$package" -run '^$' -fuzz "^$target\$" -fuzztime "$fuzztime" -timeout 10m </dev/null
done <<<"$targets"

#!/usr/bin/env bash
# fuzz.sh TIME
#
# Runs every fuzz target of the module for TIME, one at a time, as go test -fuzz
# takes a single target of a single package. TIME is a number of inputs (50000x), or
# a time (1m), at whose end Go before 1.27 may report "context deadline exceeded" of a
# target that found nothing (https://go.dev/issue/75804).
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

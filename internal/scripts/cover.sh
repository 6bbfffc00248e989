#!/usr/bin/env bash
# cover.sh PERCENT
#
# Measures how much of adapter and memory the conformance suite alone covers,
# without their own unit tests: what it doesn't reach, no backend is held to. It runs on
# the store in memory, and on the small ones of the suite's own tests that other programs
# write to, which memory has none of.
# Prints the functions not wholly covered, and fails below PERCENT.
set -euo pipefail

minimum=$1
profile=build/cover.out

mkdir -p build
go test ./memory/internal/tests ./conformance -run "Conformance|MutantsHarmlessLayouts" -coverpkg=./adapter,./adapter/driver,./memory -coverprofile="$profile" -timeout 10m
go tool cover -func="$profile" | awk -v minimum="$minimum" '
  $1 == "total:" { total = $NF }
  $1 != "total:" && $NF != "100.0%" { print }
  END {
    printf "covered by the suite: %s (at least %s%%)\n", total, minimum
    exit total + 0 < minimum
  }
'

#!/usr/bin/env bash
# before.sh COMMIT TESTS PATH... -- ARGUMENT...
#
# Shows a bug as it was: runs go test with the arguments on COMMIT, with the files at
# the paths as they are in the commit TESTS. The tests are meant to fail.
# docs/reliability.md has a line for each bug.
set -euo pipefail

commit=$1 tests=$2
shift 2
paths=()
while [[ $1 != -- ]]; do
  paths+=("$1")
  shift
done
shift

tree=$(mktemp -d)
trap 'git worktree remove --force "$tree"' EXIT
git worktree add --quiet --detach "$tree" "$commit"
cd "$tree"
git checkout --quiet "$tests" -- "${paths[@]}"
go test -count=1 "$@"

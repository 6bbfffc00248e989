#!/usr/bin/env bash
# release.sh VERSION
#
# Tags the commit that is checked out as VERSION (v1.2.3), with its part of CHANGELOG.md as
# the message, and prints it. It pushes nothing: RELEASING.md says what comes before and
# after.
set -euo pipefail

version=${1:-}
fail() { echo "release: $*" >&2; exit 1; }

[[ $version =~ ^v(0|[1-9][0-9]*)\.(0|[1-9][0-9]*)\.(0|[1-9][0-9]*)$ ]] || fail "give VERSION=v1.2.3, not '$version'"
[[ -z $(git status --porcelain) ]] || fail "commit or discard what is not committed"
if git rev-parse -q --verify "refs/tags/$version" >/dev/null; then fail "$version is there already"; fi

notes=$(awk -v head="## ${version#v} - " '
  /^## / { inside = index($0, head) == 1; next }
  inside
' CHANGELOG.md)
[[ -n ${notes//[[:space:]]/} ]] || fail "CHANGELOG.md has no '## ${version#v} - DATE'"

git tag --annotate --cleanup=verbatim --message "$version"$'\n'"$notes" "$version"
echo "$notes"

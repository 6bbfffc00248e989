# shellcheck shell=bash
# Sourced by the scripts that build authstore/NAME:local, images of the engines
# from packages, for machines that reach no image registry. Such an image takes
# the same arguments as the official one, as far as the tests use them. With
# --check a script only fails unless there is the image that it would build.

name=$(basename "$0" .sh)
image=authstore/$name:local
here=$(dirname "$0")

# What the image is made of, kept as a label: a changed recipe makes a new image.
recipe=$(cat "$here/common.sh" "$here/$name".* | sha256sum | cut -c -16)

if [[ $(docker image inspect -f '{{.Config.Labels.recipe}}' "$image" 2>/dev/null) == "$recipe" ]]; then
  exit 0
elif [[ ${1-} == --check ]]; then
  exit 1
fi

work=$(mktemp -d)
root=$work/root
# Not across mounts: debootstrap has /proc in the folder while it runs.
trap 'rm -rf --one-file-system "$work"' EXIT

say() { echo "$image: $*"; }

# need PACKAGE COMMAND... installs a Debian package where the command fails.
need() {
  if "${@:2}" >/dev/null 2>&1; then return; fi
  say "installing $1"
  apt-get update -qq
  DEBIAN_FRONTEND=noninteractive quietly apt-get install -qq -y --no-install-recommends "$1"
}

# quietly runs a command and shows what it printed only if it fails.
quietly() {
  "$@" >"$work/log" 2>&1 || { tail -n 20 "$work/log"; return 1; }
}

# debian PACKAGE... puts a small Debian with these packages into $root: Debian 12, or the release that
# $release names.
debian() {
  need debootstrap debootstrap --version
  say "installing $* into a small Debian (about a minute)"
  mkdir -p build/debs # downloads, for the next image
  quietly debootstrap --variant=minbase --cache-dir="$PWD/build/debs" --include="$(IFS=, && echo "$*")" "${release:-bookworm}" "$root"
  rm -rf "$root"/var/cache/apt/archives/*.deb "$root"/var/lib/apt/lists/*
}

# finish INSTRUCTION... makes $root the image, with these Dockerfile instructions.
finish() {
  local changes=() instruction old
  for instruction in "LABEL recipe=$recipe" "$@"; do changes+=(--change "$instruction"); done
  say "importing"
  old=$(docker image ls -q "$image")
  tar -C "$root" -c . | docker import "${changes[@]}" - "$image" >/dev/null
  if [[ -n $old ]]; then docker image rm "$old" >/dev/null || true; fi # or it is in use
}

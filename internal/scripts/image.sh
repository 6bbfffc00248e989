#!/usr/bin/env bash
# image.sh ENGINE
#
# Makes sure that there is an image of an engine, and prints which: the one that
# AUTHSTORE_ENGINE_IMAGE names, else the official one of internal/engine/images.txt,
# else one that internal/images builds from packages, where no image can be pulled.
# Package engine chooses in the same order.
set -euo pipefail
source "$(dirname "$0")/debian.sh"

engine=$1
variable=AUTHSTORE_${engine^^}_IMAGE
named=${!variable:-}
image=${named:-$(awk -v engine="$engine" '$1 == engine { print $2 }' internal/engine/images.txt)}
build=internal/images/$engine.sh

here() { docker image inspect "$1" >/dev/null 2>&1; }

pull() {
  echo "image: pulling $1" >&2
  timeout 300 docker pull -q "$1" >/dev/null
}

can_build() { [[ -z $named && -x $build ]] && can_install; }

if here "$image"; then
  :
elif can_build && "$build" --check; then
  image=authstore/$engine:local
elif pull "$image"; then
  :
elif can_build; then
  "$build" >&2
  image=authstore/$engine:local
else
  echo "image: there is none of $engine" >&2
  exit 1
fi
echo "$image"

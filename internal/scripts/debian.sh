# shellcheck shell=bash
# Sourced by the scripts that install things.

can_install() {
  [[ $(id -u) == 0 ]] && grep -qs '^ID=debian$' /etc/os-release
}

# install PACKAGE... installs what is missing, or says what is.
install() {
  if ! can_install; then
    echo "setup: missing for the tests, please install: $*" >&2
    return
  fi
  echo "setup: installing $* with apt-get" >&2
  apt-get update -qq >&2
  DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends "$@" >&2
}

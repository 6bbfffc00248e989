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
  mkdir -p build
  { apt-get update -qq &&
    DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends "$@"; } >build/apt.log 2>&1 ||
    { tail -n 20 build/apt.log >&2; return 1; }
}

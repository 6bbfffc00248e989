#!/usr/bin/env bash
# Makes sure that Docker runs, with Docker Compose, and says nothing if it does. As
# root on Debian it installs and starts it; elsewhere it fails and says what to do.
set -euo pipefail
source "$(dirname "$0")/debian.sh"

docker_runs() { timeout 20 docker info >/dev/null 2>&1; }

have_compose() {
  command -v docker-compose >/dev/null || docker compose version >/dev/null 2>&1
}

start_docker() {
  echo "setup: starting Docker, which logs to build/dockerd.log" >&2
  if [[ -d /run/systemd/system ]]; then
    systemctl start docker
    return
  fi
  drop_stale /var/run/docker.pid dockerd
  drop_stale /var/run/docker/containerd/containerd.pid containerd
  mkdir -p build
  # It outlives this script, and may outlive this folder. Without its proxy the kernel itself passes on what
  # is sent to a published port: two processes less to wake on the way, which a benchmark would measure.
  (cd / && exec setsid dockerd --userland-proxy=false) >build/dockerd.log 2>&1 </dev/null &
}

# drop_stale FILE PROGRAM removes the process ID that a program left when it was
# killed: if another process has it by now, the program wouldn't start.
drop_stale() {
  if [[ -e $1 && $(cat "/proc/$(cat "$1")/comm" 2>/dev/null) != "$2" ]]; then
    rm -f "$1"
  fi
}

missing=()
if ! docker_runs; then
  if ! can_install; then
    echo "setup: Docker doesn't run, or not for this user: see docker info" >&2
    exit 1
  fi
  command -v dockerd >/dev/null || missing+=(docker.io)
  command -v iptables >/dev/null || missing+=(iptables) # dockerd needs it
fi
have_compose || missing+=(docker-compose)
if [[ ${#missing[@]} -gt 0 ]]; then install "${missing[@]}"; fi

# keep_connections has the kernel pass on what it takes for a packet of no connection, as it does on a busy
# machine with what came late or twice. Otherwise it would not translate its address, and the receiver,
# which knows no such connection, would reset it.
keep_connections() {
  local liberal=/proc/sys/net/netfilter/nf_conntrack_tcp_be_liberal
  if [[ -w $liberal ]]; then echo 1 >"$liberal" || true; fi
}

if docker_runs; then exit 0; fi
start_docker
for _ in {1..60}; do
  if docker_runs; then
    keep_connections
    exit 0
  fi
  sleep 0.5
done
echo "setup: Docker doesn't start, see build/dockerd.log" >&2
exit 1

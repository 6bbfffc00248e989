#!/bin/sh
# redis-cluster.sh start|healthy FIRST-LAST
#
# start runs a Redis Cluster, three masters with a replica each, on six ports of
# a container. The container must publish them under the same numbers: then
# 127.0.0.1:PORT is the same node to the other nodes and to clients outside.
# healthy fails until every node shows all slots and nodes to clients, and every
# replica follows its master. With SUPERVISE, the text of supervise.sh, nodes that are
# killed run again, with what they have answered.
set -eu

ports=$(seq "${2%-*}" "${2#*-}")

start() {
  trap 'trap - TERM && kill 0' TERM INT
  cd "$(mktemp -d)"
  for port in $ports; do node "$port"; done
  nodes=
  for port in $ports; do
    until redis-cli -p "$port" ping >/dev/null 2>&1; do sleep 0.1; done
    nodes="$nodes 127.0.0.1:$port"
  done
  # shellcheck disable=SC2086 # one argument for each node
  redis-cli --cluster create $nodes --cluster-replicas 1 --cluster-yes
  until healthy; do sleep 0.1; done
  # A second makes nodes talk often, and so learn of each other soon; but later a
  # busy machine may stall one for longer.
  for port in $ports; do redis-cli -p "$port" config set cluster-node-timeout 5000; done
  wait
}

node() {
  mkdir "$1"
  ${SUPERVISE:+sh -c "$SUPERVISE" sh} redis-server --port "$1" --dir "$1" --protected-mode no --save '' \
    --appendonly yes --appendfsync no --repl-diskless-sync-delay 0 --repl-ping-replica-period 1 \
    --cluster-enabled yes --cluster-announce-ip 127.0.0.1 --cluster-node-timeout 1000 &
}

healthy() {
  for port in $ports; do
    redis-cli -p "$port" cluster info | grep -q cluster_state:ok &&
      [ "$(redis-cli -p "$port" cluster slots | grep -cF 127.0.0.1)" = 6 ] &&
      redis-cli -p "$port" info replication | grep -Eq 'connected_slaves:1|master_link_status:up' ||
      return 1
  done
}

"$1"

#!/bin/sh
# redis-sentinel.sh start|healthy FIRST-LAST
#
# start runs three Sentinels, a master and a replica, in this order on five ports
# of a container. The container must publish them under the same numbers: then
# 127.0.0.1:PORT is the same server to the Sentinels and to clients outside.
# The Sentinels call the master "authstore".
# healthy fails until every Sentinel knows the others and the replica. With SUPERVISE, the
# text of supervise.sh, servers that are killed run again, with what they have answered.
set -eu

first=${2%-*}
sentinels="$first $((first + 1)) $((first + 2))"
master=$((first + 3))
replica=$((first + 4))

start() {
  trap 'trap - TERM && kill 0' TERM INT
  cd "$(mktemp -d)"
  server "$master"
  server "$replica" --replicaof 127.0.0.1 "$master"
  # What a Sentinel finds at its start it needn't wait for.
  until redis-cli -p "$replica" info replication 2>/dev/null | grep -q master_link_status:up; do sleep 0.1; done
  for port in $sentinels; do sentinel "$port"; done
  wait
}

server() {
  port=$1
  shift
  mkdir "$port"
  ${SUPERVISE:+sh -c "$SUPERVISE" sh} redis-server --port "$port" --dir "$port" --protected-mode no --save '' \
    --appendonly yes --appendfsync no --repl-diskless-sync-delay 0 "$@" &
}

sentinel() {
  cat >"sentinel-$1.conf" <<EOF
port $1
protected-mode no
sentinel announce-ip 127.0.0.1
sentinel monitor authstore 127.0.0.1 $master 2
sentinel down-after-milliseconds authstore 5000
sentinel failover-timeout authstore 10000
EOF
  redis-server "sentinel-$1.conf" --sentinel &
}

healthy() {
  for port in $sentinels; do
    redis-cli -p "$port" info sentinel | grep -q 'name=authstore,status=ok,.*slaves=1,sentinels=3' || return 1
  done
}

"$1"

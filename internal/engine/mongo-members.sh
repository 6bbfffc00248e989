#!/bin/sh
# mongo-members.sh start|healthy FIRST-LAST
#
# start runs a MongoDB replica set with a member on each port of a container. The
# container must publish them under the same numbers: then 127.0.0.1:PORT is the same
# member to the others and to clients outside. healthy initiates the set if need be,
# and fails until it has a primary which all others follow. With SUPERVISE, the text of
# supervise.sh, members that are killed run again.
set -eu

ports=$(seq "${2%-*}" "${2#*-}")

start() {
  trap 'trap - TERM && kill 0' TERM INT
  dir=$(mktemp -d)
  for port in $ports; do
    mkdir "$dir/$port"
    ${SUPERVISE:+sh -c "$SUPERVISE" sh} mongod --port "$port" --dbpath "$dir/$port" --bind_ip_all --replSet rs0 --wiredTigerCacheSizeGB 0.5 &
  done
  wait
}

healthy() {
  members=
  for port in $ports; do
    members="$members${members:+, }{\"_id\": $port, \"host\": \"127.0.0.1:$port\"}"
  done
  if command -v mongosh >/dev/null; then
    exec mongosh --quiet --port "${2%-*}" --eval "
      try { rs.status() } catch { rs.initiate({_id: 'rs0', members: [$members], settings: {electionTimeoutMillis: 2000}}) }
      const states = rs.status().members.map(m => m.stateStr)
      quit(states.every(s => s == 'PRIMARY' || s == 'SECONDARY') && states.includes('PRIMARY') ? 0 : 1)"
  fi
  exec python3 -c "
import pymongo
admin = pymongo.MongoClient('127.0.0.1', ${2%-*}, directConnection=True, serverSelectionTimeoutMS=2000).admin
try:
    admin.command('replSetInitiate', {'_id': 'rs0', 'members': [$members], 'settings': {'electionTimeoutMillis': 2000}})
except pymongo.errors.OperationFailure as e:
    if e.code != 23: raise  # AlreadyInitialized
states = [m['stateStr'] for m in admin.command('replSetGetStatus')['members']]
exit(0 if set(states) == {'PRIMARY', 'SECONDARY'} else 1)"
}

"$1" "$@"

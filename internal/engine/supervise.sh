#!/bin/sh
# supervise.sh COMMAND...
#
# Runs a server, and again whenever it was killed (kill -9), as a service manager does,
# but not while there is a file /down. What it has stored is there still.

trap 'kill "$pid"; wait "$pid"; exit' TERM INT
while :; do
  "$@" &
  pid=$!
  wait "$pid"
  status=$?
  [ "$status" = 137 ] || exit "$status"
  while [ -e /down ]; do sleep 0.1; done
done

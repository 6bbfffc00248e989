#!/usr/bin/env bash
# Builds authstore/valkey:local: Valkey 8.1 of Debian 13, for make engines. The tests start servers
# and command lines by the names that they have in Redis.
set -euo pipefail
source "$(dirname "$0")/common.sh"

release=trixie
debian valkey-server valkey-tools
for command in server cli sentinel; do
  ln -sf "valkey-$command" "$root/usr/bin/redis-$command"
done
finish 'CMD ["redis-server"]' 'EXPOSE 6379'

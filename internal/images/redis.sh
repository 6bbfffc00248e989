#!/usr/bin/env bash
# Builds authstore/redis:local: Redis 7.0 of Debian 12, in place of redis:8.
set -euo pipefail
source "$(dirname "$0")/common.sh"

debian redis-server redis-tools
finish 'CMD ["redis-server"]' 'EXPOSE 6379'

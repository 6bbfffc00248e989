#!/usr/bin/env bash
# Builds authstore/redis8:local: Redis 8.0 of Debian 13, for make engines.
set -euo pipefail
source "$(dirname "$0")/common.sh"

release=trixie
debian redis-server redis-tools
finish 'CMD ["redis-server"]' 'EXPOSE 6379'

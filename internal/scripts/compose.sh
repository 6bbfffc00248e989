#!/usr/bin/env bash
# compose.sh up|down [ENGINE...]
#
# up starts the engines of docker-compose.yml, all or these, and waits until they
# are healthy. An engine that there is no image of is left out, and said.
# down stops and removes them.
set -euo pipefail

what=$1
engines=("${@:2}")
if [[ ${#engines[@]} == 0 ]]; then engines=(redis mongo dynamodb fauna); fi
export COMPOSE_PROJECT_NAME=${COMPOSE_PROJECT_NAME:-authstore}

compose() {
  if docker compose version >/dev/null 2>&1; then docker compose "$@"; else docker-compose "$@"; fi
}

healthy() {
  local ids states
  mapfile -t ids < <(compose ps -a -q)
  states=$(docker inspect -f '{{.State.Health.Status}}' "${ids[@]}") && ! grep -qvx healthy <<<"$states"
}

up() {
  local engine image services=()
  for engine in "${engines[@]}"; do
    if image=$(internal/scripts/image.sh "$engine"); then
      export "AUTHSTORE_${engine^^}_IMAGE=$image"
      services+=("$engine")
    fi
  done
  if [[ ${#services[@]} == 0 ]]; then return 1; fi
  # A profile is a service of the same name.
  IFS=, read -ra profiles <<<"${COMPOSE_PROFILES:-}"
  compose up -d "${services[@]}" "${profiles[@]}"
  for _ in {1..120}; do
    if healthy; then return; fi
    sleep 1
  done
  compose ps >&2
  echo "compose: not every engine is healthy" >&2
  return 1
}

down() {
  export COMPOSE_PROFILES=redis-cluster,redis-sentinel,service # if they are there
  compose down -v
}

internal/scripts/docker.sh
"$what"

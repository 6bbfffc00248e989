#!/bin/sh
# Fails until mongod has the user root, whose password is root, which it makes if need be:
# the first user can be made from the same host alone.
set -eu

if command -v mongosh >/dev/null; then
  exec mongosh --quiet admin --eval '
    try { db.createUser({user: "root", pwd: "root", roles: ["root"]}) } catch {}
    quit(db.auth("root", "root").ok ? 0 : 1)'
fi
exec python3 -c '
import pymongo
try:
    pymongo.MongoClient("127.0.0.1", directConnection=True, serverSelectionTimeoutMS=2000).admin.command("createUser", "root", pwd="root", roles=["root"])
except pymongo.errors.OperationFailure:
    pass # it is there
pymongo.MongoClient("127.0.0.1", username="root", password="root", directConnection=True, serverSelectionTimeoutMS=2000).admin.command("ping")'

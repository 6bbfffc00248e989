#!/bin/sh
# Fails until mongod is the primary of its replica set of one, which it initiates
# if need be: as a health check, it is all that makes a replica set of a mongod.
set -eu

# Clients outside the container connect with directConnection=true, since the
# port may be another one there.
if command -v mongosh >/dev/null; then
  exec mongosh --quiet --eval '
    try { rs.status() } catch { rs.initiate({_id: "rs0", members: [{_id: 0, host: "127.0.0.1:27017"}]}) }
    quit(db.hello().isWritablePrimary ? 0 : 1)'
fi
exec python3 -c '
import pymongo
admin = pymongo.MongoClient("127.0.0.1", directConnection=True, serverSelectionTimeoutMS=2000).admin
try:
    admin.command("replSetInitiate", {"_id": "rs0", "members": [{"_id": 0, "host": "127.0.0.1:27017"}]})
except pymongo.errors.OperationFailure as e:
    if e.code != 23: raise  # AlreadyInitialized
exit(0 if admin.command("hello")["isWritablePrimary"] else 1)'

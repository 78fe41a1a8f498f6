#!/bin/bash
# Starts a member of the replica set. mongod wants the key of the set in a file that only its user may read.
set -euo pipefail

key=/etc/mongodb-replica.key
umask 077
printf '%s\n' "${MONGODB_REPLICA_KEY:?}" >"$key"
chown mongodb:mongodb "$key"
unset MONGODB_REPLICA_KEY

exec docker-entrypoint.sh mongod --replSet rs0 --keyFile "$key" --bind_ip_all --wiredTigerCacheSizeGB 0.5

#!/bin/sh
# redis-cli with the password of this Redis, which stays out of its arguments.
set -eu

REDISCLI_AUTH=${REDIS_PASSWORD:-$(cat "${REDIS_PASSWORD_FILE:?set it or REDIS_PASSWORD}")}
export REDISCLI_AUTH

exec redis-cli "$@"

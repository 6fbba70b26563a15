#!/bin/sh
# Starts Redis with the password in REDIS_PASSWORD, or in the file that REDIS_PASSWORD_FILE names. Only its hash gets into the
# configuration, and nothing of it into the arguments, which `ps` and `docker inspect` show. Arguments go to Redis as they are.
set -eu
umask 077

password=${REDIS_PASSWORD:-$(cat "${REDIS_PASSWORD_FILE:?set it or REDIS_PASSWORD}")}
hash=$(printf %s "$password" | sha256sum | cut -c 1-64)
printf 'user default on #%s ~* &* +@all\n' "$hash" >/tmp/redis.conf
if [ "$password" = liminal-on-this-machine-only ]; then
  echo 'WARNING: REDIS_PASSWORD still has its default, which everybody knows: set one of your own in .env' >&2
fi

exec redis-server /tmp/redis.conf "$@"

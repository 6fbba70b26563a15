#!/bin/sh
# Starts Grafana as its image does, and warns of a password that everybody knows.
set -eu

if [ "${GF_SECURITY_ADMIN_PASSWORD:-}" = admin ]; then
  echo 'WARNING: GRAFANA_ADMIN_PASSWORD still has its default, which everybody knows: set one of your own in .env' >&2
fi

exec /run.sh "$@"

#!/bin/sh
# Puts a backup in the place of Redis, the model store and the keys, and starts the suite.
#
#   deploy/restore.sh [--replace] FILE [SERVICE…]
#
# --replace  also where there is data already, which is lost; without it nothing is touched then
# SERVICE    starts these and what they depend on, instead of all
set -eu

replace=
if [ "${1:-}" = --replace ]; then
  replace=yes
  shift
fi
case ${1:-} in
  '' | -*) sed -n 's/^# \{0,1\}//p' "$0" && exit 2 ;;
  /*) file=$1 ;;
  *) file=$PWD/$1 ;;
esac
shift
cd "$(dirname "$0")/.."
. deploy/stores.sh

[ -f "$file" ] || fail "there is no file $file"
names=$(gzip -dc "$file" | tar -tf -) || fail "$file is damaged: nothing was touched"
for part in ./redis/backup.rdb ./model-store/ ./signing-key/ ./public-key/; do
  printf '%s\n' "$names" | grep -qxF "$part" || fail "$file is no backup of this suite ($part is missing): nothing was touched"
done

compose up --no-start redis minio kenning
if [ -z "$replace" ] && [ -n "$(in_stores ro 'find redis model-store signing-key public-key -mindepth 1 -print -quit')" ]; then
  fail 'there is data already: with --replace it is given up for the backup'
fi
compose stop
# Redis starts from its append-only file alone, so that is what the snapshot becomes: a base to which nothing was added yet.
gzip -dc "$file" | in_stores rw '
  find redis model-store signing-key public-key -mindepth 1 -delete
  tar -xpf - --numeric-owner
  mkdir redis/appendonlydir
  mv redis/backup.rdb redis/appendonlydir/appendonly.aof.1.base.rdb
  echo "file appendonly.aof.1.base.rdb seq 1 type b" >redis/appendonlydir/appendonly.aof.manifest
  chown -R --reference=redis redis/appendonlydir' || fail 'the backup could not be unpacked: give the same command again with --replace'
compose up -d "$@"
say "started from $file"

#!/bin/sh
# Backs up Redis, the model store and the keys that releases are signed with into one file, while the suite runs.
#
#   deploy/backup.sh [FILE]        backups/liminal-<time>.tar.gz unless given
#
# Kenning, which alone writes the model store, is paused meanwhile: what it would archive waits in Redis, so the two belong
# together. Events are taken and scored as ever. The file holds a private key and what users did: keep it as such.
set -eu
umask 077

case ${1:-} in
  -*) sed -n 's/^# \{0,1\}//p' "$0" && exit 2 ;;
  '' | /*) file=${1:-} ;;
  *) file=$PWD/$1 ;;
esac
cd "$(dirname "$0")/.."
. deploy/stores.sh

file=${file:-$PWD/backups/liminal-$(date -u +%Y-%m-%dT%H-%M-%SZ).tar.gz}
[ ! -e "$file" ] || fail "$file is there already"
mkdir -p "$(dirname "$file")"

kenning=$(container_of kenning)
paused=
finish() {
  rm -f "$file.partial"
  compose exec -T redis rm -f /data/backup.rdb 2>/dev/null || true
  [ -z "$paused" ] || docker unpause "$kenning" >/dev/null
}
trap finish EXIT
trap 'exit 130' INT TERM

if [ "$(docker inspect --format '{{.State.Status}}' "$kenning")" = running ]; then
  docker pause "$kenning" >/dev/null
  paused=yes
fi
# Onto its disk first: only there can the snapshot be cut to its length, and be checked.
compose exec -T redis sh /etc/liminal/cli.sh --rdb /data/backup.rdb >/dev/null || fail 'Redis gives no snapshot: does it run?'
compose exec -T redis redis-check-rdb /data/backup.rdb >/dev/null || fail 'the snapshot of Redis is damaged'
# 1 says that a file changed while it was read: MinIO keeps books of its own.
in_stores ro '
  code=0
  tar -cf - --exclude=./model-store/.minio.sys/tmp ./redis/backup.rdb ./model-store ./signing-key ./public-key || code=$?
  [ "$code" -le 1 ]' | gzip -1 >"$file.partial" || fail 'the stores can not be read'
# A pipe tells of its last command only: without its end the archive would not be one.
gzip -dc "$file.partial" | tar -tf - >/dev/null || fail 'the backup is not whole'
mv "$file.partial" "$file"
say "$(du -h "$file" | cut -f 1) in $file"

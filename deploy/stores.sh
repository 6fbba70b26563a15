# What backup.sh and restore.sh share: the Compose of this machine and the volumes of its stores. To be sourced, with the
# repository's root as the working directory.
# COMPOSE names another program than `docker compose` or `docker-compose`, COMPOSE_FILE another file.

export COMPOSE_FILE="${COMPOSE_FILE:-docker-compose.ml.yml}"
if [ -z "${COMPOSE:-}" ]; then
  if docker compose version >/dev/null 2>&1; then COMPOSE='docker compose'; else COMPOSE=docker-compose; fi
fi

# Unquoted: it may be two words.
compose() { $COMPOSE "$@"; }

fail() {
  printf '%s: %s\n' "$(basename "$0")" "$1" >&2
  exit 1
}

say() { printf '%s: %s\n' "$(basename "$0")" "$1" >&2; }

# The container of a service, running or not.
container_of() {
  ids=$(compose ps -a -q "$1")
  [ -n "$ids" ] || fail "there is no container of $1: docker-compose -f $COMPOSE_FILE up -d"
  printf '%s\n' "$ids" | head -n 1
}

# What is mounted in a service's container at a path: a volume, or a directory of this machine.
mounted_in() {
  docker inspect --format "{{range .Mounts}}{{if eq .Destination \"$2\"}}{{or .Name .Source}}{{end}}{{end}}" "$(container_of "$1")"
}

# Runs a shell command as root in kenning's image, with the stores under /stores. $1: ro or rw; $2: the command.
in_stores() {
  docker run --rm -i --network none --user 0 --workdir /stores --entrypoint bash \
    -v "$(mounted_in redis /data):/stores/redis:$1" \
    -v "$(mounted_in minio /data):/stores/model-store:$1" \
    -v "$(mounted_in kenning /var/lib/liminal/signing-key):/stores/signing-key:$1" \
    -v "$(mounted_in kenning /var/lib/liminal/public-key):/stores/public-key:$1" \
    "$(docker inspect --format '{{.Image}}' "$(container_of kenning)")" -euo pipefail -c "$2"
}

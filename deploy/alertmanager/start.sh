#!/bin/sh
# Starts Alertmanager with alertmanager.yml beside this file, and with a webhook where ALERT_WEBHOOK_URL is set.
# For busybox sh on a read-only file system: the configuration that is run lies in /tmp (ALERTMANAGER_RUN_DIR).
# Arguments go to Alertmanager as they are. ALERTMANAGER names its program.
set -eu
umask 077

here=$(dirname "$0")
run=${ALERTMANAGER_RUN_DIR:-/tmp}/alertmanager.yml
url=${ALERT_WEBHOOK_URL:-}

# A line break or a quote would let the address add to the configuration.
case $url in
  *[[:cntrl:]]* | *[[:space:]]* | *"'"*)
    echo 'ALERT_WEBHOOK_URL holds a blank, a quote or a line break: percent-encode it' >&2
    exit 2
    ;;
  '' | http://?* | https://?*) ;;
  *)
    echo 'ALERT_WEBHOOK_URL has to begin with http:// or https://' >&2
    exit 2
    ;;
esac

cat "$here/alertmanager.yml" >"$run"
if [ -n "$url" ]; then
  printf "    webhook_configs:\n      - url: '%s'\n        send_resolved: true\n" "$url" >>"$run"
else
  echo 'ALERT_WEBHOOK_URL is not set: alerts are shown, but nobody is told' >&2
fi

exec "${ALERTMANAGER:-$(command -v alertmanager || command -v prometheus-alertmanager)}" --config.file="$run" "$@"

#!/bin/sh
# Written by `edgekit init --ci cron`. Look at the new rows, train, make and check a bundle, show it on a preview channel,
# release it, and go back where what is live is wrong. What it does is in edgekit.toml ([run], [gate]).
#
#   crontab -e:  17 4 * * * /path/to/edgekit-daily.sh
#
# edgekit-daily.env beside it (chmod 600, not in the repository) may set, one NAME=VALUE a line:
#   EDGEKIT_SITE, EDGEKIT_CHANNEL       the site (@SITE@ where absent) and the preview channel
#   GOOGLE_APPLICATION_CREDENTIALS      a workload identity file, or a service account's key
#   EDGEKIT_WEBHOOK                     where Slack, Discord or Telegram is told how it ended
#   EDGEKIT_LOGS, EDGEKIT_LOG_DAYS      the folder of logs and how many days they stay
#
# Exit codes: 0 done, 1 a check or a gate said no, 2 wrong settings, 3 something is missing here, 75 one is at work.
set -u
cd "$(dirname "$0")" || exit 2
if [ -f edgekit-daily.env ]; then
    set -a
    # shellcheck source=/dev/null
    . ./edgekit-daily.env
    set +a
fi
site=${EDGEKIT_SITE:-@SITE@}
channel=${EDGEKIT_CHANNEL:-edgekit-daily}
logs=${EDGEKIT_LOGS:-.edgekit/logs}
mkdir -p .edgekit "$logs" || exit 2
exec 9>.edgekit/daily.lock
if ! flock -n 9; then
    echo "edgekit-daily.sh: another one is at work here; this one did nothing" >&2
    exit 75
fi

outputs=.edgekit/daily.outputs
daily() {
    : >"$outputs"
    edgekit run --until data || return
    edgekit run --site "$site" --channel "$channel" --outputs "$outputs" || return
    if grep -qx 'published=true' "$outputs"; then
        edgekit promote --site "$site" --from "$channel" --rollback-on-failure || return
    fi
}

log=$logs/$(date -u +%Y-%m-%dT%H%M%SZ).log
code=0
daily >"$log" 2>&1 9>&- || code=$?
find "$logs" -name '*.log' -mtime +"${EDGEKIT_LOG_DAYS:-30}" -exec rm -f {} +
if [ "$code" -ne 0 ]; then # cron sends what is printed
    echo "edgekit-daily.sh ended with exit code $code; the end of $log:" >&2
    tail -n 20 "$log" >&2
fi
exit "$code"

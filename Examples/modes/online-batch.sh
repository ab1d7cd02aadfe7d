#!/bin/sh
# Online prediction from batch features alone: events go to the archive, a batch run publishes values every ten seconds, and requests read them.
# A request is cheap; a value stands still until the next run, and is ten seconds older than it by then.
. "$(dirname "$0")/lib.sh" redis-server
seconds=${MODES_SECONDS:-45}
rate=${MODES_RATE:-2k/s}

start_redis
start_events archive
freshet archive "$pipeline" --from - <"$folder/to-archive" 2>"$folder/archive.log" &
children="$children $!"
choose_users
freshet batch "$pipeline" --view activity --watch 2>"$folder/batch.log" &
children="$children $!"
say "Events flow at $rate, and a batch run is due every ten seconds; the first has to come."
# shellcheck disable=SC2086
looks_up() { freshet get "$pipeline" batch_only $users "$@"; }
has_run() { looks_up --output json | grep -q '"PRESENT"'; }
wait_for "the first run" has_run

ends=$(($(date +%s) + seconds - 12))
while :; do
  say "$(date -u +%H:%M:%S)"
  looks_up --lanes
  [ "$(date +%s)" -lt "$ends" ] || break
  pause 4
done
say "What the runs said:"
cat "$folder/batch.log"

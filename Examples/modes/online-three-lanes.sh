#!/bin/sh
# Online prediction from batch, NRT and RT features of one definition: the same features of the same users at the same moment in each lane, how old
# they are, how far from the exact value, what the request costs, and how far apart the predictions are that are made of them.
. "$(dirname "$0")/lib.sh" redis-server
seconds=${MODES_SECONDS:-45}
rate=${MODES_RATE:-2k/s}

start_redis
start_events archive process
freshet archive "$pipeline" --from - <"$folder/to-archive" 2>"$folder/archive.log" &
children="$children $!"
freshet process "$pipeline" --from - <"$folder/to-process" 2>"$folder/process.log" &
children="$children $!"
choose_users
freshet batch "$pipeline" --view activity --watch 2>"$folder/batch.log" &
children="$children $!"
say "Events flow at $rate; rows are written every second, and a batch run is due every ten. The first has to come."
# shellcheck disable=SC2086
looks_up() { freshet get "$pipeline" three_lanes $users "$@"; }
has_run() { looks_up --output json | grep -q '"lane":"batch","run"\|"PRESENT"[^}]*"lane":"batch"'; }
wait_for "the first run" has_run

ends=$(($(date +%s) + seconds - 12))
while :; do
  say "$(date -u +%H:%M:%S)"
  looks_up --lanes
  [ "$(date +%s)" -lt "$ends" ] || break
  pause 4
done

say "An offer at a price of 40: the odds that the user takes it, by the same model from the features of each lane:"
# shellcheck disable=SC2086
freshet get "$pipeline" offers $users price=40

command -v curl >/dev/null || exit 0
freshet serve "$pipeline" --no-batch --listen 127.0.0.1:0 2>"$folder/serve.log" &
children="$children $!"
wait_for "the server" grep -q 'http=' "$folder/serve.log"
address=$(sed -n 's/.*http=\([0-9.:]*\).*/\1/p' "$folder/serve.log")
# shellcheck disable=SC2086
query=$(echo $users | sed 's/userId=/key=/g; s/ /\&/g')
say "The first request for the same users to freshet serve, and the twentieth, when it is warm:"
for request in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
  curl -sS --max-time 5 "http://$address/features/three_lanes?$query" >"$folder/answer" || fail "the server did not answer"
  case $request in 1 | 20) sed 's/.*"timing":{\([^}]*\)}.*/  \1/; s/[{}"]//g' "$folder/answer" && echo ;; esac
done

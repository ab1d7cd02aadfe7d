# What the scripts of this folder share: the program, a folder and a Redis of their own that are gone when they end, and a stream of events.
# MODES_SECONDS says how long events flow, MODES_RATE how many come in a second.

set -eu
cd "$(dirname "$0")/../.."
pipeline=Examples/modes/shop_modes.yaml
schema=Schemas/clickstream.yaml

command -v freshet >/dev/null || PATH="$PWD/.build/release:$PATH"
for program in freshet "$@"; do
  command -v "$program" >/dev/null && continue
  case $program in
    freshet) echo "$0: freshet is neither in PATH nor in .build/release; 'make build' makes it" >&2 ;;
    *) echo "$0: $program is not in PATH; install it first" >&2 ;;
  esac
  exit 69
done

folder=$(mktemp -d "${TMPDIR:-/tmp}/freshet-modes-XXXXXX")
children=
redis=

# Events first, then what reads them, and Redis last, so that nobody has to wait for who has gone.
clean_up() {
  status=$?
  trap - EXIT
  trap '' INT TERM HUP
  for child in $children; do kill "$child" 2>/dev/null || true; done
  for child in $children; do wait "$child" 2>/dev/null || true; done
  if [ -n "$redis" ]; then
    kill "$redis" 2>/dev/null || true
    wait "$redis" 2>/dev/null || true
  fi
  if [ "$status" -ne 0 ] && [ "$status" -lt 128 ]; then tail -n 3 "$folder"/*.log >&2 2>/dev/null || true; fi
  rm -rf "$folder"
  exit "$status"
}
trap clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

say() { printf '\n%s\n' "$*"; }

fail() {
  echo "$0: $*" >&2
  exit 1
}

# In steps, so that Ctrl-C is heard.
pause() {
  left=$1
  while [ "$left" -gt 0 ]; do
    sleep 1
    left=$((left - 1))
  done
}

# Waits until a command succeeds: wait_for 'what is waited for' COMMAND...
wait_for() {
  what=$1
  shift
  tries=0
  until "$@" >/dev/null 2>&1; do
    tries=$((tries + 1))
    [ "$tries" -lt 60 ] || fail "$what did not come within 60 s"
    sleep 1
  done
}

start_redis() {
  redis-server --port 0 --unixsocket "$folder/redis.sock" --dir "$folder" --save '' --appendonly no >"$folder/redis.log" 2>&1 &
  redis=$!
  export REDIS_URL="redis+unix://$folder/redis.sock"
  wait_for "the socket of Redis" test -S "$folder/redis.sock"
}

# Events in real time, into the pipes $folder/to-NAME for each NAME, and into a file.
start_events() {
  mkfifo "$folder/stream"
  pipes=
  for name in "$@"; do
    mkfifo "$folder/to-$name"
    pipes="$pipes $folder/to-$name"
  done
  freshet generate "$schema" --rate "$rate" --for "${seconds}s" >"$folder/stream" 2>"$folder/generate.log" &
  children="$children $!"
  # shellcheck disable=SC2086
  tee $pipes <"$folder/stream" >"$folder/events.ndjson" &
  children="$children $!"
}

# Users who have done much, something, and little so far.
choose_users() {
  wait_for "events" test -s "$folder/events.ndjson"
  pause 2
  sed '$d' "$folder/events.ndjson" | freshet eval userId | tr -d '"' | grep -v null | sort | uniq -c | sort -rn >"$folder/users"
  users=$(awk 'NR == 1 || NR == 10 || NR == 30 { print "userId=" $2 }' "$folder/users")
  [ -n "$users" ] || fail "no event has named a user"
}

export MODES_ARCHIVE="$folder/archive"

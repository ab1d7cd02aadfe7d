#!/bin/sh
# Offline prediction: a batch run computes the features of all users, and a model goes over all rows. Nobody waits for an answer; predictions are
# as old as the run when they are used.
. "$(dirname "$0")/lib.sh"
rate=${MODES_RATE:-5/s}

end=$(($(date +%s) / 3600 * 3600))
say "A day of events, up to the last full hour, into the archive:"
freshet generate "$schema" --from "$((end - 86400))000" --for 1d --rate "$rate" --to "file:$folder/day.ndjson" 2>"$folder/generate.log"
freshet archive "$pipeline" --from "file:$folder/day.ndjson"

say "Features of every user, as of that hour:"
started=$(date +%s)
freshet batch "$pipeline" --view day --as-of "${end}000" --to "file:$folder/rows.ndjson"

say "A prediction for each: the odds of a purchase tomorrow, by a model of four weights:"
model="1 / (1 + exp(3 - 0.3 * ln(1 + views_1d) - 0.4 * ln(1 + clicks_1d) - 0.2 * ln(1 + spend_1d) + 0.01 * coalesce(avg_price_1d, 30)))"
freshet eval "round($model, 4)" <"$folder/rows.ndjson" >"$folder/odds"
freshet eval userId <"$folder/rows.ndjson" | tr -d '"' | paste - "$folder/odds" >"$folder/predictions.tsv"
ended=$(date +%s)
sort -t "$(printf '\t')" -k2,2nr "$folder/predictions.tsv" >"$folder/sorted"
awk 'NR <= 5 { printf "  %s  %s\n", $1, $2 }' "$folder/sorted"

say "$(awk 'END { print NR }' "$folder/predictions.tsv") predictions in $((ended - started)) s, from features that are $(((ended - end) / 60)) min old," \
  "and a day older before the next run."
if [ -n "${MODES_OUT:-}" ]; then
  cp "$folder/predictions.tsv" "$MODES_OUT"
  echo "They are in $MODES_OUT."
else
  echo "MODES_OUT=predictions.tsv keeps them."
fi

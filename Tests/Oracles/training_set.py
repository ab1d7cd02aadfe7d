"""Training sets by brute force: for each label, every record of the log that had come by its time is looked at anew.

    training_set.py make DIR SEED           an archive of two partitions, its pipeline, and labels.csv
    training_set.py check DIR OUT.csv       compares a training set with what follows from the log; exits 1 where a value differs
    training_set.py check-run DIR ROWS AS_OF      the same for the rows of a batch run (NDJSON) as of a cutoff

Shares no code with the program. Event times are unique, so first and last are, too.
"""

import csv
import json
import math
import os
import random
import sys

PIPELINE = """version: 1
kind: pipeline
name: labels
sources:
  clicks:
    event_time: { field: ts, format: epoch_ms }
    watermark: { lateness: 3s }
archive: { path: %s, format: ndjson }
entities:
  user: { key: user }
views:
  activity:
    entity: user
    source: clicks
    lanes: [nrt, rt, batch]
    schedule: { every: 30s, offset: 5s }
    features:
      n: { agg: count, window: { sliding: 20s, hop: 5s } }
      shown: { agg: count, where: "kind == 'view'", window: { sliding: 1m, hop: 1s } }
      spend: { agg: sum, field: price, window: { sliding: 1m, hop: 1s } }
      most: { agg: max, field: price, window: { sliding: 20s, hop: 5s }, default: -1 }
      kinds: { agg: distinct, field: kind, window: { sliding: 1m, hop: 1s } }
      last: { agg: last, field: item, window: { sliding: 20s, hop: 5s } }
      each: { expr: "spend / n", on_divide_by_zero: 0 }
  fixed:
    entity: user
    source: clicks
    features:
      n: { agg: count, window: { tumbling: 15s } }
      least: { agg: min, field: price, window: { tumbling: 15s } }
  ever:
    entity: user
    source: clicks
    lanes: [nrt, batch]
    schedule: { every: 1m }
    features:
      n: { agg: count, window: none }
      last: { agg: last, field: item, window: none }
  everyone:
    entity: all
    source: clicks
    lanes: [nrt, batch]
    schedule: { every: 1m, offset: 10s }
    features:
      n: { agg: count, window: { sliding: 1m, hop: 1s } }
      spend: { agg: sum, field: price, window: none }
"""

SLIDING, TUMBLING, NONE = "sliding", "tumbling", "none"
ANY = lambda record: True
IS_VIEW = lambda record: record["kind"] == "view"

# name -> (aggregate, field, condition, window, default)
VIEWS = {
    "activity": {
        "n": ("count", None, ANY, (SLIDING, 20000, 5000), None),
        "shown": ("count", None, IS_VIEW, (SLIDING, 60000, 1000), None),
        "spend": ("sum", "price", ANY, (SLIDING, 60000, 1000), None),
        "most": ("max", "price", ANY, (SLIDING, 20000, 5000), -1),
        "kinds": ("distinct", "kind", ANY, (SLIDING, 60000, 1000), None),
        "last": ("last", "item", ANY, (SLIDING, 20000, 5000), None),
        "each": None,
    },
    "fixed": {
        "n": ("count", None, ANY, (TUMBLING, 15000), None),
        "least": ("min", "price", ANY, (TUMBLING, 15000), None),
    },
    "ever": {
        "n": ("count", None, ANY, (NONE,), None),
        "last": ("last", "item", ANY, (NONE,), None),
    },
    "everyone": {
        "n": ("count", None, ANY, (SLIDING, 60000, 1000), None),
        "spend": ("sum", "price", ANY, (NONE,), None),
    },
}
SCHEDULES = {"activity": (30000, 5000), "ever": (60000, 0), "everyone": (60000, 10000)}


def make(folder, seed):
    rng = random.Random(seed)
    partitions = [[], []]
    clock, used = 1_700_000_000_000, set()
    for _ in range(900):
        clock += rng.randrange(700)
        if rng.random() < 0.01:
            clock += rng.randrange(60000)
        user = rng.randrange(14)
        time = clock - (rng.randrange(9000) if rng.random() < 0.25 else 0)
        while time in used:
            time += 1
        used.add(time)
        clock = max(clock, time)
        record = {
            "user": "u%d" % user, "ts": time, "kind": rng.choice(["view", "cart", "buy"]),
            "price": None if rng.random() < 0.1 else rng.randrange(10000) / 100, "item": "i%d" % rng.randrange(30),
        }
        partitions[user % 2].append(record)
    for number, records in enumerate(partitions):
        write_partition(os.path.join(folder, "archive"), number, records, rng)
    with open(os.path.join(folder, "pipeline.yaml"), "w") as out:
        out.write(PIPELINE % os.path.join(folder, "archive"))
    first = min(used)
    with open(os.path.join(folder, "labels.csv"), "w", newline="") as out:
        writer = csv.writer(out)
        writer.writerow(["label", "user", "timestamp", "note"])
        for index in range(400):
            user = rng.randrange(17)
            time = rng.randrange(first - 20000, clock + 150000)
            # At the very time of a record, too.
            if rng.random() < 0.2:
                time = rng.choice(sorted(used))
            writer.writerow([index % 2, "u%d" % user, time, 'a "note", with a comma' if index % 7 == 0 else "x"])


def write_partition(root, number, records, rng):
    control = os.path.join(root, "_freshet", "clicks")
    data = os.path.join(root, "clicks", "dt=2023-11-14", "hr=22")
    os.makedirs(control, exist_ok=True)
    os.makedirs(data, exist_ok=True)
    with open(os.path.join(control, "p%05d.manifest" % number), "w") as manifest:
        offset = 0
        while offset < len(records):
            part = records[offset:offset + rng.randrange(20, 200)]
            name = "clicks-p%05d-%020d-%020d.ndjson" % (number, offset, offset + len(part) - 1)
            text = "".join(json.dumps(record) + "\n" for record in part)
            with open(os.path.join(data, name), "w") as out:
                out.write(text)
            times = [record["ts"] for record in part]
            manifest.write(json.dumps({
                "file": "clicks/dt=2023-11-14/hr=22/" + name, "part": "", "first": offset, "next": offset + len(part),
                "records": len(part), "bytes": len(text), "stored_bytes": len(text), "min_time": min(times),
                "max_time": max(times), "gaps": [], "written_at": 0,
            }) + "\n")
            offset += len(part)


def read_log(folder):
    """Records in the order of the log, by partition."""
    partitions = []
    root = os.path.join(folder, "archive")
    for number in range(2):
        records = []
        with open(os.path.join(root, "_freshet", "clicks", "p%05d.manifest" % number)) as manifest:
            for line in manifest:
                with open(os.path.join(root, json.loads(line)["file"])) as part:
                    records += [json.loads(text) for text in part]
        partitions.append(records)
    return partitions


def merged(partitions):
    """All partitions in one order: by how far event time had come in its own with each record."""
    keyed = []
    for number, records in enumerate(partitions):
        reached = -math.inf
        for place, record in enumerate(records):
            reached = max(reached, record["ts"])
            keyed.append((reached, number, place, record))
    keyed.sort(key=lambda item: item[:3])
    return [item[3] for item in keyed]


def until(records, time):
    """What had come before the first record that happened after `time`."""
    for place, record in enumerate(records):
        if record["ts"] > time:
            return records[:place]
    return records


def first_shown(window, time):
    if window[0] == SLIDING:
        return (time - window[1]) // window[2] * window[2]
    if window[0] == TUMBLING:
        return time // window[1] * window[1]
    return -math.inf


def aggregate(definition, records, time):
    """The value over a window at `time`, and whether nothing is in it."""
    function, field, condition, window, default = definition
    shown = [record for record in records if condition(record) and first_shown(window, time) <= record["ts"] <= time]
    if function == "count":
        return len(shown), not shown
    values = [(record["ts"], record[field]) for record in shown if record[field] is not None]
    if function == "distinct":
        return len({value for _, value in values}), not values
    if not shown:
        return default, True
    if not values:
        return None, False
    numbers = [value for _, value in values]
    return {"sum": lambda: math.fsum(numbers), "max": lambda: max(numbers), "min": lambda: min(numbers),
            "last": lambda: max(values)[1]}[function](), False


def row(view, records, time):
    """The features of a key whose records these are, and whether every one of them is empty."""
    values, is_empty = {}, True
    for name, definition in VIEWS[view].items():
        if definition is None:
            continue
        values[name], empty = aggregate(definition, records, time)
        is_empty = is_empty and empty
    if view == "activity":
        values["each"] = each(values["spend"], values["n"])
    return values, is_empty


def each(spend, n):
    if spend is None or n is None:
        return None
    return 0 if n == 0 else spend / n


def unknown(view):
    values = {name: definition[4] for name, definition in VIEWS[view].items() if definition}
    if view == "activity":
        values["each"] = each(values["spend"], values["n"])
    return values


def was_taken(view, records, key):
    """Whether any record of the key was still in some window of the view when it came."""
    reached = -math.inf
    for record in records:
        if key is None or record["user"] == key:
            for definition in VIEWS[view].values():
                if definition is None or not definition[2](record):
                    continue
                if reached == -math.inf or record["ts"] >= first_shown(definition[3], max(reached, record["ts"])):
                    return True
        reached = max(reached, record["ts"])
    return False


def expected(view, lane, user, time, partitions, everything):
    key = None if view == "everyone" else user
    records = everything if key is None else partitions[int(user[1:]) % 2]
    mine = lambda records: [record for record in records if key is None or record["user"] == key]
    if lane == "batch":
        every, offset = SCHEDULES[view]
        cutoff = (time - offset) // every * every
        seen = [record for record in until(records, cutoff + offset) if record["ts"] <= cutoff]
        values, is_empty = row(view, mine(seen), cutoff)
        return unknown(view) if is_empty else values
    seen = until(records, time)
    if not was_taken(view, seen, key):
        return unknown(view)
    return row(view, mine(seen), time)[0]


def same(found, value):
    if value is None:
        return found == ""
    if isinstance(value, str):
        return found == value
    if found == "":
        return False
    return abs(float(found) - value) <= 1e-9 * max(1, abs(value))


def check(folder, path):
    partitions = read_log(folder)
    everything = merged(partitions)
    wrong, compared, filled = 0, 0, 0
    with open(os.path.join(folder, "labels.csv"), newline="") as labels, open(path, newline="") as out:
        for label, found in zip(csv.DictReader(labels), csv.DictReader(out), strict=True):
            assert all(found[name] == label[name] for name in label), (label, found)
            cache = {}
            for column in list(found)[len(label):]:
                place, feature = column.split(".")
                view, _, lane = place.partition("@")
                if (view, lane) not in cache:
                    cache[view, lane] = expected(
                        view, lane, label["user"], int(label["timestamp"]), partitions, everything)
                value = cache[view, lane][feature]
                compared += 1
                filled += value is not None and value != 0
                if not same(found[column], value):
                    wrong += 1
                    if wrong <= 10:
                        print("%s at %s, %s: found %r, expected %r" % (
                            label["user"], label["timestamp"], column, found[column], value))
    print("%d values compared, %d of them neither null nor 0, %d wrong" % (compared, filled, wrong))
    return 1 if wrong or filled < compared / 10 else 0


def check_run(folder, path, cutoff):
    """Rows of a run over everything that has come."""
    partitions = read_log(folder)
    everything = merged(partitions)
    found = {}
    with open(path) as rows:
        for line in rows:
            values = json.loads(line)
            place = (values.pop("view"), values.pop("user", None))
            assert values.pop("as_of") == cutoff and place not in found, line
            found[place] = values
    wrong = 0
    for view in SCHEDULES:
        users = [None] if view == "everyone" else ["u%d" % user for user in range(17)]
        for user in users:
            records = everything if user is None else [
                record for record in partitions[int(user[1:]) % 2] if record["user"] == user]
            values, is_empty = row(view, [record for record in records if record["ts"] <= cutoff], cutoff)
            have = found.pop((view, user), None)
            text = None if have is None else {name: "" if value is None else value for name, value in have.items()}
            if (have is None) != is_empty or have and not all(same(text[name], value) for name, value in values.items()):
                wrong += 1
                print("%s of %s: found %r, expected %r" % (view, user, have, None if is_empty else values))
    print("%d rows are there that should not be, %d are wrong" % (len(found), wrong))
    return 1 if wrong or found else 0


if __name__ == "__main__":
    command, folder = sys.argv[1:3]
    if command == "make":
        make(folder, int(sys.argv[3]))
    elif command == "check":
        sys.exit(check(folder, sys.argv[3]))
    else:
        sys.exit(check_run(folder, sys.argv[3], int(sys.argv[4])))

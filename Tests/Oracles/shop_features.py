#!/usr/bin/env python3
"""Computes Pipelines/shop_features.yaml a second time, from scratch, and compares.

usage: shop_features.py EVENTS.ndjson ROWS.ndjson [PARTITIONS]

EVENTS is what `freshet generate Schemas/clickstream.yaml` printed (in order of event time, nothing late), ROWS what
`freshet process Pipelines/shop_features.yaml --from EVENTS --to stdout` printed for it. Every closed window must be there once
with the same values, and the last row of each user must hold the values at the end of the stream.

With PARTITIONS the rows are those that Redis holds after the events went through a topic of so many partitions that has not ended: each
partition has a time of its own, and windows that end within the lateness before it are still open. Exits with 3 if anything differs.
"""

import json
import math
import sys
from collections import defaultdict
from datetime import datetime, timezone

SECOND, MINUTE, HOUR = 1000, 60_000, 3_600_000
LATENESS = 30 * SECOND
EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)

# feature: (event, field or None for a count, aggregate, window size, hop, value of an empty window)
SLIDING = {
    "views_5m": ("Product Viewed", None, "count", 5 * MINUTE, 10 * SECOND, 0),
    "purchases_1h": ("Order Completed", None, "count", HOUR, MINUTE, 0),
    "spend_1h": ("Order Completed", "price", "sum", HOUR, MINUTE, 0),
    "avg_price_1h": ("Product Viewed", "price", "mean", HOUR, MINUTE, None),
    "max_price_1h": ("Product Viewed", "price", "max", HOUR, MINUTE, None),
    "impressions_10m": ("Product List Viewed", "impressions", "sum", 10 * MINUTE, 30 * SECOND, 0),
    "clicks_10m": ("Product Clicked", None, "count", 10 * MINUTE, 30 * SECOND, 0),
}


def milliseconds(text):
    return round((datetime.fromisoformat(text.replace("Z", "+00:00")) - EPOCH).total_seconds() * 1000)


def aggregate(kind, values, empty):
    if kind == "count":
        return len(values)
    if not values:
        return empty
    if kind == "max":
        return max(values)
    return math.fsum(values) if kind == "sum" else math.fsum(values) / len(values)


def murmur2(data):
    """The hash of Kafka's default partitioner, without its sign."""
    mask, m = 0xFFFFFFFF, 0x5BD1E995
    h = 0x9747B28C ^ len(data)
    whole = len(data) & ~3
    for i in range(0, whole, 4):
        k = int.from_bytes(data[i : i + 4], "little") * m & mask
        h = h * m & mask ^ (k ^ k >> 24) * m & mask
    if whole < len(data):
        h = (h ^ int.from_bytes(data[whole:], "little")) * m & mask
    h = (h ^ h >> 13) * m & mask
    return (h ^ h >> 15) & 0x7FFFFFFF


def same(a, b):
    if isinstance(a, (int, float)) and isinstance(b, (int, float)):
        return math.isclose(a, b, rel_tol=1e-9, abs_tol=1e-9)
    return a == b


def main(events_path, rows_path, partition_count=0):
    partition_count = int(partition_count)

    def partition(user):
        return murmur2(user.encode()) % partition_count if partition_count else 0

    by_user = defaultdict(list)  # user -> [(time, event, properties)]
    windows = defaultdict(lambda: [0, []])  # (user, start) -> [views, prices of orders]
    ends = {}  # partition -> greatest time
    with open(events_path) as lines:
        for line in lines:
            record = json.loads(line)
            time, user, event = milliseconds(record["timestamp"]), record["userId"], record.get("event")
            properties = record.get("properties", {})
            by_user[user].append((time, event, properties))
            window = windows[user, time // (10 * SECOND) * 10 * SECOND]
            window[0] += event == "Product Viewed"
            if event == "Order Completed":
                window[1].append(properties["price"])
            ends[partition(user)] = max(time, ends.get(partition(user), time))

    closed, current = {}, {}
    differences = []
    with open(rows_path) as lines:
        for line in lines:
            row = json.loads(line)
            if row["view"] == "user_windows":
                place = row["userId"], row["window_start"]
                if place in closed:
                    differences.append(f"window {place} closed twice")
                closed[place] = row
            else:
                current[row["userId"]] = row

    if partition_count:
        windows = {
            (user, start): value
            for (user, start), value in windows.items()
            if ends[partition(user)] - LATENESS >= start + 10 * SECOND - 1
        }
    for place, (views, prices) in windows.items():
        row = closed.pop(place, None)
        expected = {"views": views, "revenue": math.fsum(prices) if prices else None}
        if row is None:
            differences.append(f"window {place} is missing, expected {expected}")
            continue
        for name, value in expected.items():
            if not same(row[name], value):
                differences.append(f"window {place}: {name} is {row[name]}, expected {value}")
    differences += [f"window {place} holds no event" for place in closed]

    for user, events in by_user.items():
        row = current.pop(user, None)
        if row is None:
            if any(event is not None for _, event, _ in events):
                differences.append(f"user {user} has no row")
            continue
        for name, (event, field, kind, size, hop, empty) in SLIDING.items():
            start = (ends[partition(user)] - size) // hop * hop
            values = [p.get(field) if field else 1 for t, e, p in events if e == event and t >= start]
            value = aggregate(kind, values, empty)
            if not same(row[name], value):
                differences.append(f"user {user}: {name} is {row[name]}, expected {value}")
        categories = [p["category"] for _, _, p in events if p.get("category") is not None]
        if row["last_category"] != (categories[-1] if categories else None):
            differences.append(f"user {user}: last_category is {row['last_category']}, expected {categories[-1:]}")

    differences += [f"user {user} never came" for user in current]

    for difference in differences[:20]:
        print(difference)
    print(f"{len(windows)} windows and {len(by_user)} users compared, {len(differences)} differences")
    return 3 if differences else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:4]))

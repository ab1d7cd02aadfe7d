#!/usr/bin/env python3
"""Computes Pipelines/product_features.yaml a second time, from scratch, and compares.

usage: product_features.py EVENTS.ndjson ROWS.ndjson PARTITIONS

EVENTS is what was sent into a topic of PARTITIONS partitions, keyed by user and in order of event time; ROWS is what Redis holds after all of
it was processed, as `--to stdout` would print it. Windows wait for the slowest partition: those that end within the lateness before the
least of the partitions' last times are still open. Current values hold what is in the window at the greatest time of all. Exits with 3 if
anything differs.
"""

import json
import math
import sys
from collections import defaultdict

from shop_features import milliseconds, murmur2, same

MINUTE, HOUR = 60_000, 3_600_000
LATENESS = 30_000


def main(events_path, rows_path, partition_count):
    partition_count = int(partition_count)
    ends = defaultdict(int)
    by_product = defaultdict(list)
    minutes = defaultdict(lambda: [0, set()])
    shop = defaultdict(lambda: [0, 0, []])
    with open(events_path) as lines:
        for line in lines:
            record = json.loads(line)
            time, user, event = milliseconds(record["timestamp"]), record["userId"], record.get("event")
            properties = record.get("properties", {})
            partition = murmur2(user.encode()) % partition_count
            ends[partition] = max(ends[partition], time)
            start = time // MINUTE * MINUTE
            product = properties.get("product_id")
            if product is not None:
                by_product[str(product)].append((time, user, event, properties))
                minutes[str(product), start][0] += 1
                minutes[str(product), start][1].add(user)
            if event in ("Product Viewed", "Order Completed"):
                shop[start][0] += event == "Product Viewed"
                shop[start][1] += event == "Order Completed"
                if event == "Order Completed":
                    shop[start][2].append(properties["price"])
    assert len(ends) == partition_count, "every partition has a record"
    complete, now = min(ends.values()) - LATENESS, max(ends.values())

    expected = {}
    for product, events in by_product.items():
        if not any(event in ("Product Viewed", "Order Completed") for _, _, event, _ in events):
            # No feature has taken anything of it.
            continue
        begin = (now - HOUR) // MINUTE * MINUTE
        views = [user for time, user, event, _ in events if event == "Product Viewed" and time >= begin]
        prices = [p["price"] for _, _, event, p in events if event == "Order Completed"]
        expected["product_activity", product, None] = {
            "views_1h": len(views),
            # Exact up to 256 values, which no product has in a test.
            "viewers_1h": len(set(views)),
            "sold": len(prices),
            "revenue": math.fsum(prices),
        }
    for (product, start), (count, users) in minutes.items():
        if start + MINUTE - 1 <= complete:
            expected["product_minutes", product, start] = {"events": count, "users": len(users)}
    for start, (views, orders, prices) in shop.items():
        if start + MINUTE - 1 <= complete:
            expected["shop_minutes", None, start] = {"views": views, "orders": orders, "revenue": math.fsum(prices)}

    differences = []
    count = len(expected)
    with open(rows_path) as lines:
        for line in lines:
            row = json.loads(line)
            product = row.get("product_id")
            place = row["view"], None if product is None else str(product), row.get("window_start")
            values = expected.pop(place, None)
            if values is None:
                differences.append(f"{place} is not expected, or there twice")
                continue
            for name, value in values.items():
                if not same(row[name], value):
                    differences.append(f"{place}: {name} is {row[name]}, expected {value}")
    differences += [f"{place} is missing, expected {values}" for place, values in expected.items()]
    for difference in differences[:20]:
        print(difference)
    print(f"{count} rows compared, {len(differences)} differences")
    return 3 if differences else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:4]))

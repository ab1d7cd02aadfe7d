#!/usr/bin/env python3
"""How long events take to become visible, measured without Freshet: for judging what its prober says.

usage: probes.py REDIS PREFIX:VIEW SECONDS --key KEY... [--kafka HOST:PORT TOPIC PARTITIONS FIELD_OF_KEY FIELD_OF_TIME] [--extra JSON]

Watches the rows of the given keys, those of a prober's markers: each time that `_last_event` has moved, the time since then by this machine's clock is a delay.
With --kafka it also sends events of its own, stamped here, for entities of its own, and looks for those in the same way. Prints JSON when the time is over:
the delays' count and percentiles in ms, and how far apart two looks were.
"""

import argparse
import json
import os
import random
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from produce import Producer
from resp import Redis


def figures(delays):
    """As the prober counts: the smallest delay that at least a share of them does not exceed."""
    delays = sorted(delays)
    if not delays:
        return {"count": 0}
    at = lambda share: delays[max(0, -(-len(delays) * share // 1000) - 1)]
    return {"count": len(delays), "p50": at(500), "p90": at(900), "p99": at(990), "max": delays[-1], "mean": sum(delays) / len(delays)}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("redis")
    parser.add_argument("rows")
    parser.add_argument("seconds", type=float)
    parser.add_argument("--key", action="append", default=[])
    parser.add_argument("--kafka", nargs=5, metavar=("SERVER", "TOPIC", "PARTITIONS", "KEY", "TIME"))
    parser.add_argument("--every", type=float, default=0.25, help="seconds between own events of one partition")
    parser.add_argument("--extra", default="{}")
    options = parser.parse_args()
    redis = Redis(options.redis)
    own = []
    if options.kafka:
        server, topic, partitions, key_field, time_field = options.kafka
        producer = Producer(server)
        own = [f"check_{os.getpid()}_{partition}" for partition in range(int(partitions))]
    keys = options.key + own
    command = b"".join(Redis.encode("HGET", f"{options.rows}:{key}", "_last_event") for key in keys)

    def look():
        redis.send(command)
        return [redis.read() for _ in keys]

    generator = random.Random(1)
    delays = {False: [], True: []}
    seen = look()
    due = [time.time() + generator.uniform(0, options.every) for _ in own]
    last_look, pauses = time.time(), []
    end = time.time() + options.seconds
    while time.time() < end:
        for index, key in enumerate(own):
            if time.time() < due[index]:
                continue
            due[index] = time.time() + generator.uniform(0.5, 1.5) * options.every
            now = int(time.time() * 1000)
            event = json.loads(options.extra) | {key_field: key, time_field: now}
            producer.send(topic, index, key.encode(), json.dumps(event).encode(), now)
        values = look()
        now = time.time()
        pauses.append((now - last_look) * 1000)
        last_look = now
        for index, value in enumerate(values):
            if value is not None and value != seen[index]:
                delays[index >= len(options.key)].append(now * 1000 - int(value))
                seen[index] = value
        time.sleep(0.001)
    print(json.dumps({"markers": figures(delays[False]), "own": figures(delays[True]), "pauses": figures(pauses)}))


if __name__ == "__main__":
    main()

#!/usr/bin/env python3
"""Reads the current values of every account from Redis, again and again, and says when one goes back.

usage: watcher.py REDIS PREFIX ACCOUNTS SAMPLES.ndjson

The pipeline is Tests/FaultTests/Fixtures/accounts.yaml. Of each account it reads `events` and `total` of `totals`, which only ever grow, and `_position` of
`totals` and `recent`: `PARTITION:OFFSET`, every record before OFFSET being in the row. Each of them must never be less than it was. What was seen at a
position is also written down, a row per line, so that an oracle can say whether it was right at that moment and not only at the end.

Commands on stdin, one per line; each is answered by one line of JSON on stdout:
  look     what was seen so far: reads (passes over all accounts), rows, events (their sum), failures (passes that broke), regressions (a list of texts)
  forget   Redis is about to lose what it had confirmed: begin anew with the next pass
Ends with stdin. A Redis that cannot be reached is tried again, for as long as it takes.
"""

import json
import os
import random
import select
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from resp import Redis, RedisError

PAUSE_SECONDS = 0.05
REGRESSIONS_KEPT = 20
# Of the rows that have changed since they were last seen, so many are written down.
SAMPLED_SHARE = 0.05


class Watcher:
    def __init__(self, address, prefix, account_count, samples):
        self.address, self.samples = address, samples
        self.names = [f"a{number:04}" for number in range(1, account_count + 1)]
        self.request = b"".join(
            Redis.encode("HMGET", f"{prefix}:totals:{name}", "_position", "events", "total")
            + Redis.encode("HMGET", f"{prefix}:recent:{name}", "_position")
            for name in self.names
        )
        self.redis = None
        self.reads = self.rows = self.failures = 0
        self.regressions, self.regression_count = [], 0
        self.random = random.Random(1)
        self.forget()

    def forget(self):
        self.seen = {}  # (view, account) -> (partition, offset, events, total)

    def look(self):
        events = sum(row[2] for (view, _), row in self.seen.items() if view == "totals")
        return {
            "reads": self.reads, "rows": self.rows, "events": events, "failures": self.failures,
            "regressionCount": self.regression_count, "regressions": self.regressions,
        }  # fmt: skip

    def read(self):
        """One pass over all accounts. What comes after a break is not looked at: the next pass reads it again."""
        if self.redis is None:
            self.redis = Redis(self.address, timeout=30)
        self.redis.send(self.request)
        replies = [(self.redis.read(), self.redis.read()) for _ in self.names]
        for name, (totals, recent) in zip(self.names, replies):
            if totals[0] is not None or totals[1] is not None:
                self.compare("totals", name, totals)
            if recent[0] is not None:
                self.compare("recent", name, recent + [b"0", b"0"])
        self.reads += 1

    def compare(self, view, name, fields):
        position = (fields[0] or b"0:0").decode()
        partition, offset = (int(part) for part in position.split(":"))
        new = partition, offset, int(fields[1] or 0), int(fields[2] or 0)
        old = self.seen.get((view, name))
        if old == new:
            return
        self.rows += 1
        if old is not None and (new[0] != old[0] or new[1] < old[1] or new[2] < old[2] or new[3] < old[3]):
            self.regression_count += 1
            if len(self.regressions) < REGRESSIONS_KEPT:
                self.regressions.append(f"{view} of {name}: partition, offset, events, total {new} after {old}")
        self.seen[view, name] = new
        if view == "totals" and fields[0] is not None and self.random.random() < SAMPLED_SHARE:
            self.samples.write(f'["{name}", {new[0]}, {new[1]}, {new[2]}, {new[3]}]\n')

    def step(self):
        try:
            self.read()
        except (OSError, RedisError):
            self.failures += 1
            if self.redis is not None:
                self.redis.close()
            self.redis = None


def main(address, prefix, account_count, samples_path):
    with open(samples_path, "w") as samples:
        watcher = Watcher(address, prefix, int(account_count), samples)
        while True:
            watcher.step()
            ready, _, _ = select.select([sys.stdin], [], [], PAUSE_SECONDS)
            if not ready:
                continue
            command = sys.stdin.readline().strip()
            if not command:
                return
            if command == "forget":
                watcher.forget()
            elif command != "look":
                sys.exit(f"watcher.py: expected look or forget, found '{command}'")
            samples.flush()
            print(json.dumps(watcher.look()), flush=True)


if __name__ == "__main__":
    if len(sys.argv) != 5:
        sys.exit(__doc__)
    main(*sys.argv[1:])

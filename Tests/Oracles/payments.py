#!/usr/bin/env python3
"""Computes Tests/FaultTests/Fixtures/accounts.yaml a second time, from scratch and in one pass, and compares it with what Redis holds.

usage: payments.py REDIS PREFIX PARTITIONS|file SAMPLES.ndjson < EVENTS.ndjson

EVENTS is what `freshet generate Tests/FaultTests/Fixtures/payments.yaml` printed, in the order in which it was sent to a topic of PARTITIONS partitions, which has
not ended: windows that end after the partition's watermark are still open. With `file` it was a file, whose end closes all windows. SAMPLES is what watcher.py saw on the way: each is compared with the values
at its position. Prints differences (zero lost, zero double, nothing that should not be there) and exits with 3 if there are any.
"""

import json
import math
import os
import sys
from collections import Counter, defaultdict

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from resp import Redis
from shop_features import murmur2

LATENESS, DEDUP_WINDOW = 5000, 30_000
TUMBLING, GAP = 20_000, 8000
# A sliding feature of `recent`: size and hop.
RECENT, HIGHEST = (30_000, 5000), (60_000, 10_000)


class Session:
    """Events of an account that are at most GAP apart."""

    __slots__ = ("first", "last", "events")

    def __init__(self, time):
        self.first = self.last = time
        self.events = 1


class Partition:
    """What has come of one partition, as the rules of the documentation say it, record by record."""

    def __init__(self, samples):
        self.stream_time = None
        self.known = {}  # id -> time, for `dedup`
        self.totals = {}  # account -> [events, total, (time of the last shop, its arrival), shop]
        self.kept = []  # (time, account, amount) for sliding windows
        self.minutes = {}  # (account, start) -> [events, total, shops]
        self.open_sessions = defaultdict(list)
        self.closed_sessions = {}  # (account, first) -> Session
        self.offset = 0
        self.samples = samples  # offset -> rows seen at it
        self.wrong_samples = []
        self.late = Counter()

    def add(self, record):
        self.offset += 1
        time, account, amount, shop = record["at"], record["account"], record["amount"], record["shop"]
        watermark = None if self.stream_time is None else self.stream_time - LATENESS
        moved = max(time, self.stream_time if self.stream_time is not None else time)
        if not self.is_copy(record["id"], time, moved):
            self.count(time, account, amount, shop)
            self.put_into_window(time, account, amount, shop, watermark)
            self.put_into_session(time, account, watermark)
        self.stream_time = moved
        if self.offset in self.samples:
            self.check_samples(self.samples[self.offset])

    def is_copy(self, number, time, moved):
        horizon = moved - DEDUP_WINDOW
        if time <= horizon:
            return False  # forgotten at once, and so was any other of its kind
        if number in self.known:
            return True
        self.known[number] = time
        if len(self.known) > 400_000:
            self.known = {key: at for key, at in self.known.items() if at > horizon}
        return False

    def count(self, time, account, amount, shop):
        row = self.totals.get(account)
        if row is None:
            self.totals[account] = [1, amount, time, shop]
        else:
            row[0] += 1
            row[1] += amount
            if time >= row[2]:  # by event time, then by arrival
                row[2], row[3] = time, shop
        self.kept.append((time, account, amount))
        if len(self.kept) > 400_000:
            horizon = self.stream_time - HIGHEST[0] - HIGHEST[1]
            self.kept = [kept for kept in self.kept if kept[0] >= horizon]

    def put_into_window(self, time, account, amount, shop, watermark):
        start = time // TUMBLING * TUMBLING
        if watermark is not None and watermark >= start + TUMBLING - 1:
            self.late["minutes"] += 1
            return
        window = self.minutes.setdefault((account, start), [0, 0, set()])
        window[0] += 1
        window[1] += amount
        window[2].add(shop)

    def put_into_session(self, time, account, watermark):
        sessions = self.open_sessions[account]
        if watermark is not None:
            for session in [s for s in sessions if watermark >= s.last + GAP - 1]:
                sessions.remove(session)
                self.close(account, session)
        merged = Session(time)
        rest = []
        for session in sessions:
            if session.first <= time + GAP and time <= session.last + GAP:
                merged.first, merged.last = min(merged.first, session.first), max(merged.last, session.last)
                merged.events += session.events
            else:
                rest.append(session)
        if watermark is not None and watermark >= merged.last + GAP - 1:
            self.late["visits"] += 1
            return
        self.open_sessions[account] = rest + [merged]

    def close(self, account, session):
        self.closed_sessions[account, session.first] = session

    def check_samples(self, rows):
        for account, events, total in rows:
            expected = self.totals.get(account, [0, 0])[:2]
            if [events, total] != expected:
                self.wrong_samples.append(
                    f"totals of {account} at offset {self.offset} were {events} events, {total} in total, expected {expected[0]}, {expected[1]}"
                )

    def sliding(self):
        """account -> [events, total, highest] at the end."""
        rows = {}
        starts = [(self.stream_time - size) // hop * hop for size, hop in (RECENT, HIGHEST)]
        for time, account, amount in self.kept:
            row = rows.setdefault(account, [0, 0, None])
            if time >= starts[0]:
                row[0] += 1
                row[1] += amount
            if time >= starts[1]:
                row[2] = amount if row[2] is None else max(row[2], amount)
        return rows

    def expected_rows(self, has_ended):
        """(view, key) -> fields, of everything that Redis must hold."""
        rows = {}
        sliding = self.sliding()
        for account, (events, total, _, shop) in self.totals.items():
            rows["totals", account] = {"events": events, "total": total, "shop": shop}
            events, total, highest = sliding.get(account, (0, 0, None))
            rows["recent", account] = {"events": events, "total": total, "highest": highest}
        watermark = math.inf if has_ended else self.stream_time - LATENESS
        for (account, start), (events, total, shops) in self.minutes.items():
            if watermark >= start + TUMBLING - 1:
                rows["minutes", f"{account}:{start}"] = {"events": events, "total": total, "shops": len(shops)}
        for account, sessions in self.open_sessions.items():
            for session in sessions:
                if watermark >= session.last + GAP - 1:
                    self.close(account, session)
        for (account, first), session in self.closed_sessions.items():
            rows["visits", f"{account}:{first}"] = {"events": session.events, "length": session.last - session.first}
        return rows


def load_samples(path, partition_count):
    """Partition -> offset -> rows."""
    samples = [defaultdict(list) for _ in range(partition_count)]
    count = 0
    if os.path.exists(path):
        with open(path) as lines:
            for line in lines:
                account, partition, offset, events, total = json.loads(line)
                samples[partition][offset].append((account, events, total))
                count += 1
    return samples, count


def compare(redis, prefix, expected):
    """What differs between the rows of Redis and `expected`, and how many there are."""
    differences, count = [], 0
    missing = set(expected)
    for view in ("totals", "recent", "minutes", "visits"):
        for key, fields in redis.hashes(redis.keys(f"{prefix}:{view}:*")):
            place = view, key[len(prefix) + len(view) + 2 :]
            count += 1
            if place not in expected:
                differences.append(f"{view} of {place[1]} should not be there: {fields}")
                continue
            missing.discard(place)
            for name, value in expected[place].items():
                found = fields.get(name)
                if found != (None if value is None else str(value)):
                    differences.append(f"{view} of {place[1]}: {name} is {found}, expected {value}")
    for place in missing:
        # An account without a value that is not its default may never have been written.
        if place[0] != "recent" or expected[place]["events"]:
            differences.append(f"{place[0]} of {place[1]} is missing, expected {expected[place]}")
    return differences, count


def main(address, prefix, partition_count, samples_path):
    is_file = partition_count == "file"
    partition_count = 1 if is_file else int(partition_count)
    samples, sample_count = load_samples(samples_path, partition_count)
    partitions = [Partition(samples[index]) for index in range(partition_count)]
    by_account = {}
    event_count = 0
    for line in sys.stdin:
        record = json.loads(line)
        account = record["account"]
        partition = by_account.get(account)
        if partition is None:
            partition = by_account[account] = partitions[murmur2(account.encode()) % partition_count]
        partition.add(record)
        event_count += 1
    expected = {}
    for partition in partitions:
        if partition.offset:
            expected.update(partition.expected_rows(is_file))
    differences, row_count = compare(Redis(address, timeout=60), prefix, expected)
    for partition in partitions:
        differences += partition.wrong_samples
        differences += [f"a sample stands at offset {offset}, behind the last record" for offset in partition.samples if offset > partition.offset]
    for difference in differences[:20]:
        print(difference)
    late = sum((partition.late for partition in partitions), Counter())
    print(
        f"{event_count} events, {row_count} rows and {sample_count} samples compared (late: {late['minutes']} for minutes, {late['visits']} for "
        f"visits), {len(differences)} differences"
    )
    return 3 if differences else 0


if __name__ == "__main__":
    if len(sys.argv) != 5:
        sys.exit(__doc__)
    sys.exit(main(*sys.argv[1:]))

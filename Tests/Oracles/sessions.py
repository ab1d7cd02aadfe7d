#!/usr/bin/env python3
"""Checks the sessions of Schemas/clickstream.yaml in a stream of events; nothing here is read from the schema or from Freshet.

usage: sessions.py EVENTS.ndjson [--from-the-middle]

EVENTS is what `freshet generate Schemas/clickstream.yaml` printed. Every session must walk along the edges of the state machine, begin in one
of its initial states, belong to one user, never go back in time, and keep to the product that it has bound. With --from-the-middle the
stream may begin with sessions that are under way already, as one with --rate does. Exits with 3 if anything is wrong.
"""

import json
import math
import sys
from collections import Counter, defaultdict
from datetime import datetime, timezone

# state: (event, the states that may follow); an event alone does not say whether a product was reached by a click or by a link.
STATES = {
    "landing": ("page", {"listing", "direct"}),
    "listing": ("Product List Viewed", {"click", "listing"}),
    "click": ("Product Clicked", {"product"}),
    "direct": ("Product Viewed", {"listing", "cart"}),
    "product": ("Product Viewed", {"listing", "cart"}),
    "cart": ("Product Added", {"listing", "checkout"}),
    "checkout": ("Order Completed", set()),
}
INITIAL = {"landing": 0.60, "listing": 0.25, "direct": 0.15}
PAUSE = 30 * 60 * 1000
EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)


def milliseconds(text):
    return round((datetime.fromisoformat(text.replace("Z", "+00:00")) - EPOCH).total_seconds() * 1000)


def uuid_milliseconds(text):
    """The time in a UUID of version 7."""
    return int(text[:8] + text[9:13], 16)


class Session:
    def __init__(self, user, time):
        self.user, self.time = user, time
        self.states = None  # the states that it can be in
        self.product = None


def main(path, *options):
    from_the_middle = "--from-the-middle" in options
    sessions, first_events = {}, Counter()
    products, countries = {}, {}
    message_ids = set()
    wrong = []
    time_before = None
    count = 0
    with open(path, encoding="utf-8", errors="strict") as lines:
        for number, line in enumerate(lines, 1):
            count += 1
            record = json.loads(line)
            here = f"line {number}, session {record['session_id']}"
            time, user, name = milliseconds(record["timestamp"]), record["userId"], record.get("event", record["type"])
            properties = record.get("properties", {})
            if time_before is not None and time < time_before:
                wrong.append(f"{here}: goes back in time")
            time_before = time
            if record["messageId"] in message_ids:
                wrong.append(f"{here}: messageId comes twice")
            message_ids.add(record["messageId"])
            if uuid_milliseconds(record["messageId"]) != time:
                wrong.append(f"{here}: the time of messageId is not {record['timestamp']}")
            if countries.setdefault(user, record["context"]["country"]) != record["context"]["country"]:
                wrong.append(f"{here}: user {user} has moved to another country")

            session = sessions.get(record["session_id"])
            is_new = session is None
            if is_new:
                session = sessions[record["session_id"]] = Session(user, time)
                possible = set(STATES) if from_the_middle else set(INITIAL)
                first_events[name] += 1
            else:
                possible = set().union(*(STATES[state][1] for state in session.states))
            states = {state for state in possible if STATES[state][0] == name}
            if not states:
                wrong.append(f"{here}: '{name}' cannot follow {session.states or 'the beginning'}")
                states = {state for state in STATES if STATES[state][0] == name}
            session.states = states
            if session.user != user:
                wrong.append(f"{here}: belongs to {session.user} and to {user}")
            if time < session.time:
                wrong.append(f"{here}: goes back in time")
            if time - session.time > PAUSE:
                wrong.append(f"{here}: pauses for longer than 30 minutes")
            session.time = time
            if uuid_milliseconds(record["session_id"]) > time:
                wrong.append(f"{here}: begins before it has begun")

            product = properties.get("product_id")
            if product is None:
                continue
            is_bound_here = name == "Product Clicked" or "direct" in states
            if not is_new and not is_bound_here and session.product not in (None, product):
                wrong.append(f"{here}: '{name}' speaks of {product}, not of {session.product}")
            session.product = product
            row = properties["category"], properties["price"]
            if products.setdefault(product, row) != row:
                wrong.append(f"{here}: {product} has another category or price than before")
            if properties["currency"] != "EUR" or not 0.99 <= properties["price"] <= 2000:
                wrong.append(f"{here}: costs {properties['price']} {properties['currency']}")

    if not from_the_middle:
        for state, share in INITIAL.items():
            # Six standard deviations: a stream is the same for ever, so this says once whether the odds are kept.
            found, expected = first_events[STATES[state][0]], share * len(sessions)
            if abs(found - expected) > 6 * math.sqrt(expected):
                wrong.append(f"{found} of {len(sessions)} sessions begin in {state}, expected about {expected:.0f}")
    for finding in wrong[:20]:
        print(finding)
    print(f"{count} events of {len(sessions)} sessions checked, {len(wrong)} findings")
    return 3 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))

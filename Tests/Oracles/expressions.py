#!/usr/bin/env python3
"""Random typed expressions, evaluated by `freshet eval` and by SQLite, on what both mean alike.

    expressions.py PROGRAM SEED ROUNDS

Each round is one process and one table: the expressions are the branches of a `case`, and each row comes once for each of them. Where the
languages differ in words (`/`, `if`, `position`), a generator writes both texts; where they differ in meaning (integer overflow, `like` without
regard to case), it stays away, or SQLite is told to do as we do. Prints how many values were compared; ends with 1 at the first difference.
"""

import json
import math
import random
import sqlite3
import subprocess
import sys

BRANCHES = 24
ROWS = 40
TEXTS = ["", "a", "A", "ab", "Product Viewed", "product", "x_y", "50%", "  pad ", "a,b,c", "zz", "10", "-3"]


class Maker:
    def __init__(self, random_):
        self.random = random_

    def pick(self, *makers):
        return self.random.choice(makers)()

    # Each gives (our text, SQLite's text).

    def integer(self, depth):
        if depth <= 0:
            return self.pick(lambda: ("i", "i"), lambda: ("j", "j"), lambda: (lambda n: (n, n))(str(self.random.randint(0, 20))))
        a, b = self.integer(depth - 1), self.integer(depth - 1)
        s, t, c = self.text(depth - 1), self.text(depth - 1), self.condition(depth - 1)
        return self.pick(
            lambda: (f"({a[0]} + {b[0]})", f"({a[1]} + {b[1]})"),
            lambda: (f"({a[0]} - {b[0]})", f"({a[1]} - {b[1]})"),
            lambda: (f"({a[0]} % 7 * {b[0]})", f"({a[1]} % 7 * {b[1]})"),
            lambda: (f"({a[0]} % {b[0]})", f"({a[1]} % {b[1]})"),
            lambda: (f"div({a[0]}, {b[0]})", f"({a[1]} / {b[1]})"),
            lambda: (f"-{a[0]}", f"(-{a[1]})"),
            lambda: (f"abs({a[0]})", f"abs({a[1]})"),
            lambda: (f"length({s[0]})", f"length({s[1]})"),
            lambda: (f"position({s[0]}, {t[0]})", f"instr({s[1]}, {t[1]})"),
            lambda: (f"coalesce({a[0]}, {b[0]})", f"coalesce({a[1]}, {b[1]})"),
            lambda: (f"nullif({a[0]}, {b[0]})", f"nullif({a[1]}, {b[1]})"),
            lambda: (f"least({a[0]}, {b[0]})", f"min({a[1]}, {b[1]})"),
            lambda: (f"greatest({a[0]}, {b[0]})", f"max({a[1]}, {b[1]})"),
            lambda: (f"if({c[0]}, {a[0]}, {b[0]})", f"iif({c[1]}, {a[1]}, {b[1]})"),
            lambda: (f"sign({a[0]})", f"sign({a[1]})"),
            lambda: self.time(),
        )

    def double(self, depth):
        if depth <= 0:
            return self.pick(lambda: ("d", "d"), lambda: ("e", "e"), lambda: (lambda n: (n, n))(str(self.random.randint(1, 99) / 4)))
        a, b, i = self.double(depth - 1), self.double(depth - 1), self.integer(depth - 1)
        return self.pick(
            lambda: (f"({a[0]} + {b[0]})", f"({a[1]} + {b[1]})"),
            lambda: (f"({a[0]} * {b[0]})", f"({a[1]} * {b[1]})"),
            lambda: (f"({a[0]} - {i[0]})", f"({a[1]} - {i[1]})"),
            lambda: (f"({a[0]} / {b[0]})", f"({a[1]} / {b[1]})"),
            lambda: (f"({i[0]} / 4)", f"({i[1]} / 4.0)"),
            lambda: (f"abs({a[0]})", f"abs({a[1]})"),
            lambda: (f"double({i[0]})", f"cast({i[1]} as real)"),
            lambda: (f"sqrt({i[0]})", f"sqrt({i[1]})"),
            lambda: (f"coalesce({a[0]}, {b[0]})", f"coalesce({a[1]}, {b[1]})"),
        )

    def text(self, depth):
        if depth <= 0:
            literal = "'" + self.random.choice(TEXTS) + "'"
            return self.pick(lambda: ("s", "s"), lambda: ("t", "t"), lambda: (literal, literal))
        a, b, i = self.text(depth - 1), self.text(depth - 1), self.integer(depth - 1)
        n, m = self.random.randint(1, 9), self.random.randint(0, 9)
        part = "'" + self.random.choice([text for text in TEXTS if text]) + "'"
        return self.pick(
            lambda: (f"({a[0]} || {b[0]})", f"({a[1]} || {b[1]})"),
            lambda: (f"concat({a[0]}, {i[0]})", f"({a[1]} || {i[1]})"),
            lambda: (f"lower({a[0]})", f"lower({a[1]})"),
            lambda: (f"upper({a[0]})", f"upper({a[1]})"),
            lambda: (f"trim({a[0]})", f"trim({a[1]})"),
            lambda: (f"ltrim({a[0]})", f"ltrim({a[1]})"),
            lambda: (f"rtrim({a[0]})", f"rtrim({a[1]})"),
            lambda: (f"substring({a[0]}, {n}, {m})", f"substr({a[1]}, {n}, {m})"),
            lambda: (f"substring({a[0]}, {n})", f"substr({a[1]}, {n})"),
            lambda: (f"replace({a[0]}, {part}, {b[0]})", f"replace({a[1]}, {part}, {b[1]})"),
            lambda: (f"string({i[0]})", f"cast({i[1]} as text)"),
            lambda: (f"coalesce({a[0]}, {b[0]})", f"coalesce({a[1]}, {b[1]})"),
        )

    def time(self):
        unit = self.random.choice([("hour", "%H"), ("minute", "%M"), ("day_of_month", "%d"), ("month", "%m"), ("year", "%Y"), ("day_of_year", "%j")])
        return self.pick(
            lambda: (f"{unit[0]}(ms)", f"cast(strftime('{unit[1]}', ms / 1000, 'unixepoch') as integer)"),
            lambda: ("date_trunc('day', ms)", "(unixepoch(ms / 1000, 'unixepoch', 'start of day') * 1000)"),
            lambda: ("date_trunc('month', ms)", "(unixepoch(ms / 1000, 'unixepoch', 'start of month') * 1000)"),
            lambda: ("date_trunc('year', ms)", "(unixepoch(ms / 1000, 'unixepoch', 'start of year') * 1000)"),
        )

    def condition(self, depth):
        if depth <= 0:
            return self.pick(lambda: ("(i > 5)", "(i > 5)"), lambda: ("(s is null)", "(s is null)"), lambda: ("(d < e)", "(d < e)"))
        make = self.random.choice([self.integer, self.double, self.text])
        a, b, x = make(depth - 1), make(depth - 1), make(depth - 1)
        c, e, s = self.condition(depth - 1), self.condition(depth - 1), self.text(depth - 1)
        sign = self.random.choice(["==", "!=", "<", "<=", ">", ">="])
        no = self.random.choice(["", "not "])
        pattern = "'" + self.random.choice(["%", "a%", "%o%", "_", "x!_%", "50!%", "%d", "", "__%"]) + "'"
        return self.pick(
            lambda: (f"({a[0]} {sign} {b[0]})", f"({a[1]} {sign} {b[1]})"),
            lambda: (f"({a[0]} {no}between {b[0]} and {x[0]})", f"({a[1]} {no}between {b[1]} and {x[1]})"),
            lambda: (f"({a[0]} {no}in ({b[0]}, {x[0]}))", f"({a[1]} {no}in ({b[1]}, {x[1]}))"),
            lambda: (f"({a[0]} is {no}null)", f"({a[1]} is {no}null)"),
            lambda: (f"({s[0]} {no}like {pattern} escape '!')", f"({s[1]} {no}like {pattern} escape '!')"),
            lambda: (f"({c[0]} and {e[0]})", f"({c[1]} and {e[1]})"),
            lambda: (f"({c[0]} or {e[0]})", f"({c[1]} or {e[1]})"),
            lambda: (f"(not {c[0]})", f"(not {c[1]})"),
        )


def rows(random_):
    def maybe(value):
        return None if random_.random() < 0.2 else value

    for _ in range(ROWS):
        yield {
            "i": maybe(random_.randint(-20, 20)), "j": maybe(random_.choice([0, 1, 2, 1000, -7])),
            "d": maybe(random_.choice([0.0, 0.5, -1.25, 3.75, 100.0])), "e": maybe(random_.choice([1.0, 2.5, -0.5])),
            "s": maybe(random_.choice(TEXTS)), "t": maybe(random_.choice(TEXTS)),
            "ms": maybe(random_.randint(0, 4_000_000_000) * 1000),
        }


def same(ours, theirs):
    if isinstance(ours, bool):
        return theirs == int(ours)
    if isinstance(ours, (int, float)) and isinstance(theirs, (int, float)):
        return math.isclose(ours, theirs, rel_tol=1e-12, abs_tol=1e-12)
    return ours == theirs


def main():
    program, seed, rounds = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    compared = refused = 0
    for number in range(rounds):
        random_ = random.Random(seed * 1_000_003 + number)
        maker = Maker(random_)
        pairs = []
        while len(pairs) < BRANCHES:
            make = random_.choice([maker.integer, maker.double, maker.text, maker.condition])
            pair = make(random_.randint(1, 2))
            # A constant that is never anything but null is refused by us, and says nothing in SQLite.
            if subprocess.run([program, "eval", "--check", pair[0]], capture_output=True).returncode != 0:
                refused += 1
                continue
            pairs.append(pair)
        table = list(rows(random_))
        database = sqlite3.connect(":memory:")
        database.execute("pragma case_sensitive_like = on")
        database.execute("create table r (i integer, j integer, d real, e real, s text, t text, ms integer)")
        database.executemany("insert into r values (:i, :j, :d, :e, :s, :t, :ms)", table)
        expected = [[value for (value,) in database.execute(f"select {pair[1]} from r order by rowid")] for pair in pairs]
        branches = " ".join(f"when {n} then {pair[0]}" for n, pair in enumerate(pairs))
        lines = "".join(json.dumps(row | {"n": n}) + "\n" for n in range(BRANCHES) for row in table)
        outcome = subprocess.run([program, "eval", f"case n {branches} end"], input=lines, capture_output=True, text=True)
        if outcome.returncode != 0:
            print(f"seed {seed}, round {number}: freshet eval ended with {outcome.returncode}: {outcome.stderr}")
            return 1
        values = [json.loads(line) for line in outcome.stdout.splitlines()]
        for n, pair in enumerate(pairs):
            for place, row in enumerate(table):
                ours, theirs = values[n * ROWS + place], expected[n][place]
                if not same(ours, theirs):
                    print(f"seed {seed}, round {number}: {pair[0]} is {ours!r}, SQLite: {pair[1]} is {theirs!r}, over {row}")
                    return 1
                compared += 1
    print(f"{compared} values alike")
    # Nearly everything that is made is accepted.
    return 0 if refused * 10 < compared / ROWS else 1


sys.exit(main())

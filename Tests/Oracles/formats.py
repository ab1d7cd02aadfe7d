"""Whether the same records say the same in JSON, CSV and Avro, as Python's csv and fastavro read them.

usage: formats.py MANIFEST

The manifest lists cases: {"name", "json": lines, "csv": lines with a header (optional), "avro": records, each behind four bytes of length (optional),
"events": the event of each record, "schemas": the Avro schema of each event}. A container file is checked with "container".
Prints one line per finding, and at the end how many records were compared.
"""

import csv
import io
import json
import struct
import sys
from datetime import datetime, timezone
from uuid import UUID

csv.field_size_limit(1 << 30)
EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
findings = 0
compared = 0


class Number(str):
    """A number as it is written."""


def finding(case, index, text):
    global findings
    findings += 1
    if findings <= 20:
        print(f"{case['name']}, record {index}: {text}")


def at(value, path):
    for name in path:
        if not isinstance(value, dict) or name not in value:
            return None
        value = value[name]
    return value


def cell(value):
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def check_csv(case, lines):
    with open(case["csv"], newline="", encoding="utf-8") as file:
        text = file.read()
    rows = list(csv.reader(io.StringIO(text, newline=""), strict=True))
    header, rows = rows[0], rows[1:]
    if len(rows) != len(lines):
        return finding(case, "-", f"{len(rows)} rows for {len(lines)} lines")
    if len(set(header)) != len(header):
        finding(case, "-", f"columns that have the same name: {header}")
    for index, (row, line) in enumerate(zip(rows, lines)):
        record = json.loads(line, parse_float=Number, parse_int=Number)
        if len(row) != len(header):
            finding(case, index, f"{len(row)} cells for {len(header)} columns")
            continue
        for name, found in zip(header, row):
            value = at(record, name.split("."))
            if isinstance(value, dict) and found == "" and any(other.startswith(name + ".") for other in header):
                # Another event has a value where this one has fields.
                same = True
            elif isinstance(value, (dict, list)):
                same = json.loads(found, parse_float=Number, parse_int=Number) == value
            else:
                same = found == cell(value)
            if not same:
                finding(case, index, f"column {name} is {found!r}, and {value!r} in JSON")
        known = set(header)
        for path in leaves(record):
            if not any(".".join(path[:count]) in known for count in range(1, len(path) + 1)):
                finding(case, index, f"no column for {path}")
    # Quotes only where they are needed: a writer that quotes as little gives the same, empty texts aside.
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n", quoting=csv.QUOTE_MINIMAL)
    for row in rows:
        writer.writerow(row)
    plain = text[text.index("\n") + 1 :] if "\n" in text else ""
    if len(header) > 1 and '""' not in plain and plain != out.getvalue():
        finding(case, "-", "quotes differ from those of a writer that sets as few as it can")


def leaves(value, path=()):
    if isinstance(value, dict) and value:
        for name, inner in value.items():
            yield from leaves(inner, path + (name,))
    elif path and value is not None and not isinstance(value, dict):
        yield path


def micros(moment):
    return round((moment - EPOCH).total_seconds() * 1_000_000) if moment.year < 1900 else (moment - EPOCH) // (
        datetime(1970, 1, 1, 0, 0, 0, 1, tzinfo=timezone.utc) - EPOCH)


def same(mine, other):
    """A value of JSON and one of Avro."""
    if isinstance(other, datetime):
        if isinstance(mine, bool) or mine is None:
            return False
        if isinstance(mine, int):
            return micros(other) in (mine * 1000, mine)
        return datetime.fromisoformat(mine.replace("Z", "+00:00")) == other
    if isinstance(other, UUID):
        return mine == str(other)
    if isinstance(other, dict):
        if not isinstance(mine, dict) or set(mine) - set(other):
            return False
        return all(same(mine.get(name), value) for name, value in other.items())
    if isinstance(other, list):
        return isinstance(mine, list) and len(mine) == len(other) and all(map(same, mine, other))
    if isinstance(mine, bool) or isinstance(other, bool):
        return mine is other
    if isinstance(mine, str) and isinstance(other, int):
        # A time among numbers.
        return micros(datetime.fromisoformat(mine.replace("Z", "+00:00"))) == other * 1000
    if isinstance(other, float):
        return isinstance(mine, (int, float)) and float(mine) == other
    return type(mine) is type(other) and mine == other


def check_records(case, lines, records):
    if len(records) != len(lines):
        return finding(case, "-", f"{len(records)} records for {len(lines)} lines")
    for index, (record, line) in enumerate(zip(records, lines)):
        if record is None:
            if json.loads(line) is not None:
                finding(case, index, "null in Avro, and a value in JSON")
        elif not same(json.loads(line), record):
            finding(case, index, f"Avro {record!r}, JSON {line}")


def check_avro(case, lines):
    import fastavro

    schemas = [text and fastavro.parse_schema(json.loads(text)) for text in case["schemas"]]
    with open(case["avro"], "rb") as file:
        content = file.read()
    records, place = [], 0
    while place < len(content):
        (count,) = struct.unpack_from("<I", content, place)
        data = io.BytesIO(content[place + 4 : place + 4 + count])
        place += 4 + count
        records.append(fastavro.schemaless_reader(data, schemas[case["events"][len(records)]]))
        if data.tell() != count:
            finding(case, len(records) - 1, f"{count - data.tell()} bytes are left over")
    check_records(case, lines, records)


def check_container(case, lines):
    import fastavro

    with open(case["container"], "rb") as file:
        check_records(case, lines, list(fastavro.reader(file)))


with open(sys.argv[1], encoding="utf-8") as manifest:
    for case in json.load(manifest)["cases"]:
        with open(case["json"], encoding="utf-8") as file:
            lines = file.read().split("\n")[:-1]
        compared += len(lines)
        for name, check in (("csv", check_csv), ("avro", check_avro), ("container", check_container)):
            if case.get(name):
                try:
                    check(case, lines)
                except Exception as error:
                    finding(case, "-", f"{name}: {type(error).__name__}: {error}")
print(f"{compared} records compared, {findings} findings")
sys.exit(1 if findings else 0)

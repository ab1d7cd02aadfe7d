"""The benchmark's batch run as a query of DuckDB over the same files, on one thread.

    batch_reference.py ARCHIVE CUTOFF [THREADS]     ARCHIVE/clicks/*/*/*.ndjson.zst, CUTOFF in ms since the epoch

Prints the least seconds of five runs (wall clock, the result fetched into a table), rows, and totals of views and spend. Exits 69 where duckdb is not installed.
"""

import sys
import time

try:
    import duckdb
except ImportError:
    sys.exit(69)

archive, cutoff = sys.argv[1], int(sys.argv[2])
database = duckdb.connect()
database.execute("set threads = %d" % (int(sys.argv[3]) if len(sys.argv) > 3 else 1))
first = (cutoff - 60_000) // 10_000 * 10_000
query = """
create or replace table features as
select user_id, count(*) filter (page = '/product') as views, sum(price) as spend, max(price) as dearest
from read_json('%s/clicks/*/*/*.ndjson.zst', format = 'newline_delimited', columns = {
  user_id: 'varchar', ts: 'bigint', page: 'varchar', price: 'double'})
where ts between %d and %d group by user_id""" % (archive, first, cutoff)
least = float("inf")
for _ in range(5):
    start = time.monotonic()
    database.execute(query)
    least = min(least, time.monotonic() - start)
rows, views, spend = database.execute("select count(*), sum(views), sum(spend) from features").fetchone()
print("%.4f %d %d %.0f" % (least, rows, views, spend))

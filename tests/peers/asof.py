"""asof.py FOLDER: a million feature rows, 200,000 labels, and DuckDB's own join of them with a ttl of six hours."""

import sys

import duckdb

folder = sys.argv[1]
db = duckdb.connect()
db.execute("SET TimeZone = 'UTC'")
# Integers from a hash: the same rows everywhere. Times of one user are all different.
db.execute("""
CREATE TABLE features AS
SELECT (i % 20000)::BIGINT AS user_id,
       TIMESTAMPTZ '2026-01-01 00:00:00Z' + INTERVAL 1 SECOND * (10800 * (i // 20000) + hash(i) % 10800)::BIGINT AS event_timestamp,
       CASE WHEN hash(i * 7) % 20 = 0 THEN NULL ELSE (hash(i * 3) % 1000003)::DOUBLE / 1024 END AS x,
       'level ' || (hash(i * 5) % 97) AS s
FROM range(1000000) t(i)
""")
db.execute("""
CREATE TABLE labels AS
SELECT (hash(i * 11) % 20500)::BIGINT AS user_id,
       TIMESTAMPTZ '2025-12-31 22:00:00Z' + INTERVAL 1 SECOND * (hash(i * 13) % 570000)::BIGINT AS event_timestamp,
       i::BIGINT AS label
FROM range(200000) t(i)
""")
# Feature rows in no order.
db.execute(f"COPY (SELECT * FROM features ORDER BY hash(user_id * 31 + epoch(event_timestamp)::BIGINT)) TO '{folder}/features.parquet'")
db.execute(f"COPY (SELECT * FROM labels ORDER BY label) TO '{folder}/labels.parquet'")
db.execute(f"""
COPY (
    SELECT l.user_id, l.label,
           CASE WHEN f.event_timestamp >= l.event_timestamp - INTERVAL 6 HOUR THEN f.x END AS x,
           CASE WHEN f.event_timestamp >= l.event_timestamp - INTERVAL 6 HOUR THEN f.s END AS s
    FROM labels l ASOF LEFT JOIN features f ON l.user_id = f.user_id AND l.event_timestamp >= f.event_timestamp
    ORDER BY l.label
) TO '{folder}/expected.parquet'
""")

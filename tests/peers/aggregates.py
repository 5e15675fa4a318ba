"""What DuckDB makes of the same rows, beside ours: prints the first cell that differs and exits 1.

    aggregates.py ROWS.csv OURS.parquet
"""

import math
import sys

import duckdb

QUERY = """
with latest as (select max(time) as mx from r)
select "user", count(*) as n, sum(amount) as total, avg(amount) as mean, stddev_samp(amount) as spread,
    min(amount) as least, max(amount) as most, count(distinct time) as times,
    count(*) filter (time > mx - interval 7 day) as n7,
    sum(amount) filter (time > mx - interval 7 day) as amount7,
    count(*) filter (time > mx - interval 30 hour and kind = 'buy') as buys30h,
    count(*) filter (kind = 'click') as clicks,
    epoch(any_value(mx) - max(time)) / 86400.0 as recency
from r, latest group by "user" order by "user"
"""


def main():
    rows, ours = sys.argv[1:]
    connection = duckdb.connect()
    connection.execute(
        f"create table r as select * from read_csv('{rows}', header=true, "
        "columns={'time': 'TIMESTAMP', 'user': 'VARCHAR', 'kind': 'VARCHAR', 'amount': 'DOUBLE'})"
    )
    theirs = connection.execute(QUERY)
    names = [column[0] for column in theirs.description]
    expected = theirs.fetchall()
    columns = ", ".join(f'"{name}"' for name in names)
    found = connection.execute(f"select {columns} from '{ours}'").fetchall()
    if len(found) != len(expected):
        sys.exit(f"{len(found)} rows, and {len(expected)} of DuckDB")
    for row, (mine, other) in enumerate(zip(found, expected)):
        for name, a, b in zip(names, mine, other):
            same = a == b or (isinstance(b, float) and a is not None and math.isclose(a, b, rel_tol=1e-10, abs_tol=1e-12))
            if not same:
                sys.exit(f"row {row}, {name}: {a!r}, and {b!r} of DuckDB")
    print(len(found))


if __name__ == "__main__":
    main()

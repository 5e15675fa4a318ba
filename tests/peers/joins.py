"""What DuckDB joins of the same rows, beside ours: prints how many rows came, or the first that differ and exits 1.

    joins.py ROWS.csv OTHERS.csv OURS.parquet inner|left KEY,...
"""

import sys

import duckdb


def main():
    rows, others, ours, how, keys = sys.argv[1:]
    connection = duckdb.connect()
    for name, path, last in (("l", rows, "amount"), ("r", others, "level")):
        connection.execute(
            f"create table {name} as select * from read_csv('{path}', header=true, nullstr='', "
            f"columns={{'id': 'BIGINT', 'user': 'VARCHAR', 'kind': 'VARCHAR', '{last}': 'BIGINT'}})"
        )
    on = " and ".join(f'l."{key}" = r."{key}"' for key in keys.split(","))
    # Ours names what both have by the other input, but for the keys.
    other_kind = [] if "kind" in keys.split(",") else [("r.kind", "kind_users")]
    columns = [('l.id', "id"), ('l."user"', "user"), ("l.kind", "kind"), ("l.amount", "amount"), ("r.id", "id_users")]
    columns += other_kind + [("r.level", "level")]
    named = ", ".join(f'{column} as "{name}"' for column, name in columns)
    names = ", ".join(f'"{name}"' for _, name in columns)
    # In the order of the rows, and for each in the order of the others.
    connection.execute(
        f"create table theirs as select row_number() over (order by l.id, r.id) as place, {named} from l {how} join r on {on}"
    )
    connection.execute(
        f"create table ours as select file_row_number + 1 as place, {names} from read_parquet('{ours}', file_row_number=true)"
    )
    found, expected = (connection.execute(f"select count(*) from {table}").fetchone()[0] for table in ("ours", "theirs"))
    if found != expected:
        sys.exit(f"{found} rows, and {expected} of DuckDB")
    differs = " or ".join(f'ours."{name}" is distinct from theirs."{name}"' for _, name in columns)
    odd = connection.execute(f"select * from ours join theirs using (place) where {differs} order by place limit 3").fetchall()
    if odd:
        sys.exit("ours and DuckDB's differ:\n" + "\n".join(map(str, odd)))
    print(found)


if __name__ == "__main__":
    main()

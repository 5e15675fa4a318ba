//! The tables that we make are those that MLflow's own migrations make at that revision.

use std::collections::BTreeMap;
use std::path::Path;

use rusqlite::Connection;
use trainer_testkit::scratch;

use crate::sample::Place;

#[test]
fn the_tables_are_those_of_mlflow() {
    let dir = scratch();
    let (ours, official) = (dir.path().join("ours"), dir.path().join("official"));
    let places = [&ours, &official].map(|folder| {
        std::fs::create_dir(folder).unwrap();
        Place { folder: folder.clone() }
    });
    drop(places[0].open());
    let told = places[1].official("tables", &[]);
    let revision: String = connect(&places[0].database())
        .query_row("SELECT version_num FROM alembic_version", [], |row| row.get(0))
        .unwrap();
    assert_eq!(told["revision"], *revision);

    let (ours, official) = (tables(&places[0].database()), tables(&places[1].database()));
    assert_eq!(ours.keys().collect::<Vec<_>>(), official.keys().collect::<Vec<_>>());
    for (name, table) in &official {
        assert_eq!(&ours[name], table, "{name}");
    }
}

/// What a table is, apart from how it was written down.
#[derive(Debug, PartialEq)]
struct Table {
    columns: Vec<String>,
    foreign_keys: Vec<String>,
    indexes: Vec<String>,
    constraints: Vec<String>,
}

fn tables(file: &Path) -> BTreeMap<String, Table> {
    let file = connect(file);
    let named = texts(&file, "SELECT name FROM sqlite_master WHERE type = 'table'", "");
    let table = |name: &str| Table {
        columns: texts(
            &file,
            r#"SELECT concat_ws(' ', cid, name, type, "notnull", dflt_value, pk) FROM pragma_table_info(?1)"#,
            name,
        ),
        foreign_keys: texts(
            &file,
            r#"SELECT concat_ws(' ', seq, "table", "from", "to", on_update, on_delete, match)
               FROM pragma_foreign_key_list(?1)"#,
            name,
        ),
        indexes: texts(
            &file,
            r#"SELECT concat_ws(' ', iif(list.origin = 'c', list.name, ''), list."unique", list.origin,
                   (SELECT group_concat(name) FROM pragma_index_info(list.name)))
               FROM pragma_index_list(?1) AS list"#,
            name,
        ),
        constraints: constraints(&texts(&file, "SELECT sql FROM sqlite_master WHERE name = ?1", name)[0]),
    };
    named.into_iter().map(|name| (name.clone(), table(&name))).collect()
}

/// The names of the constraints, which later migrations look for.
fn constraints(sql: &str) -> Vec<String> {
    let words: Vec<&str> = sql.split_whitespace().collect();
    let mut names: Vec<String> =
        words.windows(2).filter(|pair| pair[0] == "CONSTRAINT").map(|pair| pair[1].to_owned()).collect();
    names.sort();
    names
}

fn texts(file: &Connection, sql: &str, of: &str) -> Vec<String> {
    let mut statement = file.prepare(sql).unwrap();
    let of: &[&str] = if statement.parameter_count() == 0 { &[] } else { &[of] };
    let rows = statement.query_map(rusqlite::params_from_iter(of), |row| row.get(0)).unwrap();
    let mut texts: Vec<String> = rows.map(Result::unwrap).collect();
    texts.sort();
    texts
}

fn connect(file: &Path) -> Connection {
    Connection::open(file).unwrap()
}

//! What the store answers for, as evidence rows: imports, devices, the central log, decisions. Keyed ids alone: names stay
//! in the store.

mod classes;
mod decided;
mod devices;
mod gaps;

use std::collections::{BTreeMap, BTreeSet};

use muster_hours::schedule::time_ms;
use rusqlite::types::Value;
use rusqlite::{Connection, Params};

use super::tables::{ALL, PERMITS, Row, Source, Table, Type, Val};
use crate::store::StoreError;

/// The rows of every table of [`Source::Store`], by name, each in one order. `now` is when the run was
/// begun, RFC 3339. With `only`, tables that are about classes hold these classes alone; all others are whole.
///
/// # Errors
/// [`StoreError`].
pub fn of_store(
    conn: &Connection,
    now: &str,
    only: Option<&BTreeSet<String>>,
) -> Result<BTreeMap<&'static str, Vec<Row>>, StoreError> {
    let only = only.map(serde_json::to_string).transpose().map_err(|_| StoreError::Corrupt("a list of classes"))?;
    let only = only.as_deref();
    Ok(BTreeMap::from([
        ("classes", classes::classes(conn, only)?),
        ("claims", classes::claims(conn, only)?),
        ("roster", classes::roster(conn, only)?),
        ("teachers", classes::teachers(conn, only)?),
        ("schedule", classes::schedule(conn, only)?),
        ("calendar", classes::calendar(conn)?),
        ("devices", devices::devices(conn)?),
        ("contacts", devices::contacts(conn, only)?),
        ("brackets", devices::brackets(conn, only)?),
        ("gaps", devices::gaps(conn, only)?),
        ("forks", devices::forks(conn)?),
        ("run", decided::run(conn, now)?),
        ("dispositions", decided::dispositions(conn)?),
        ("found", decided::found(conn, only)?),
    ]))
}

/// The rows of the tables that were imported as they are.
///
/// # Errors
/// [`StoreError`].
pub fn imports(conn: &Connection) -> Result<BTreeMap<&'static str, Vec<Row>>, StoreError> {
    let tables = ALL.into_iter().filter(|table| table.source == Source::Import);
    tables.map(|table| Ok((table.name, whole(conn, table)?))).collect()
}

/// Of these, the rows of some classes that their claimed cells are decided from.
///
/// # Errors
/// [`StoreError`].
pub fn claimed(conn: &Connection, classes: &BTreeSet<String>) -> Result<BTreeMap<&'static str, Vec<Row>>, StoreError> {
    let only = serde_json::to_string(classes).map_err(|_| StoreError::Corrupt("a list of classes"))?;
    let only = Some(only.as_str());
    Ok(BTreeMap::from([
        ("claims", classes::claims(conn, only)?),
        ("roster", classes::roster(conn, only)?),
        ("schedule", classes::schedule(conn, only)?),
        ("calendar", classes::calendar(conn)?),
        ("permits", whole(conn, &PERMITS)?),
    ]))
}

/// The condition that keeps the classes of `?1`, a JSON list; all of them where it is null. With one condition for both no index
/// would be used.
fn within(column: &str, only: Option<&str>) -> String {
    match only {
        Some(_) => format!("{column} IN (SELECT value FROM json_each(?1))"),
        None => "?1 IS NULL".to_owned(),
    }
}

/// Asks for rows of a table: one column for each of its own, in order. Where the table wants a whole number and the store has
/// text, that is a time.
fn rows(conn: &Connection, table: &Table, sql: &str, params: impl Params) -> Result<Vec<Row>, StoreError> {
    let mut get = conn.prepare_cached(sql)?;
    if get.column_count() != table.columns.len() {
        return Err(StoreError::Corrupt("a query of another width than its table"));
    }
    let value = |value: Value, kind: Type| match (value, kind) {
        (Value::Integer(n), Type::Bool) => Val::Bool(n != 0),
        (Value::Integer(n), _) => Val::Int(n),
        (Value::Text(text), Type::Int) => time_ms(&text).into(),
        (Value::Text(text), _) => Val::Text(text),
        _ => Val::Null,
    };
    let rows = get.query_map(params, |row| {
        table.columns.iter().enumerate().map(|(i, (_, kind))| Ok(value(row.get(i)?, *kind))).collect()
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// A table that was imported as it is.
fn whole(conn: &Connection, table: &Table) -> Result<Vec<Row>, StoreError> {
    let corrupt = |_| StoreError::Corrupt("an imported row");
    let mut get = conn.prepare_cached("SELECT row FROM imported WHERE name = ? ORDER BY line")?;
    let texts = get.query_map([table.name], |row| row.get::<_, String>(0))?;
    let value = |value: Option<&serde_json::Value>| match value {
        Some(serde_json::Value::Bool(b)) => Val::Bool(*b),
        Some(serde_json::Value::Number(n)) => n.as_i64().into(),
        Some(serde_json::Value::String(text)) => text.as_str().into(),
        _ => Val::Null,
    };
    texts
        .map(|text| {
            let row: serde_json::Map<String, serde_json::Value> = serde_json::from_str(&text?).map_err(corrupt)?;
            Ok(table.columns.iter().map(|(name, _)| value(row.get(*name))).collect())
        })
        .collect()
}

#[cfg(test)]
mod tests;

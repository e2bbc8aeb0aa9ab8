//! Rosters: a file names everybody of a class in the roles that it has. Who is no longer named leaves the roster and keeps
//! the sessions held before; who is named again comes back.

use std::collections::BTreeSet;

use muster_seal::merkle::sha256;
use muster_wire::assignment::{Template, card_hash};
use ring::hmac;
use rusqlite::{OptionalExtension, Transaction, params};

use super::cells::{Row, Table};
use super::keys::Keys;
use super::rows::{Of, known};
use crate::store::StoreError;

/// Marks a row that the file has yet to name; no time is negative.
const UNNAMED: i64 = -1;

fn is_instructor(role: &str) -> Option<bool> {
    match role.to_lowercase().as_str() {
        "" | "trainee" | "学员" => Some(false),
        "instructor" | "教师" => Some(true),
        _ => None,
    }
}

/// The classes and roles that a file has: one with the instructors alone leaves the trainees as they are.
fn roles(table: &Table) -> BTreeSet<(&str, bool)> {
    let role =
        |cells: &std::collections::BTreeMap<&str, String>| is_instructor(cells.get("role").map_or("", String::as_str));
    table.rows.iter().filter_map(|(_, cells)| Some((cells.get("class")?.as_str(), role(cells)?))).collect()
}

/// Marks who is on the rosters now.
///
/// # Errors
/// [`StoreError`].
pub(super) fn before(tx: &Transaction<'_>, table: &Table) -> Result<(), StoreError> {
    let sql = "UPDATE roster SET removed_ms = ? WHERE class = ? AND instructor = ? AND removed_ms IS NULL";
    for (class, instructor) in roles(table) {
        tx.execute(sql, params![UNNAMED, class, instructor])?;
    }
    Ok(())
}

/// Closes the rows that the file did not name.
///
/// # Errors
/// [`StoreError`].
pub(super) fn after(tx: &Transaction<'_>, table: &Table, now: &str) -> Result<(), StoreError> {
    let now_ms = muster_hours::schedule::time_ms(now).unwrap_or(0);
    let sql = "UPDATE roster SET removed_ms = ? WHERE class = ? AND instructor = ? AND removed_ms = ?";
    for (class, instructor) in roles(table) {
        tx.execute(sql, params![now_ms, class, instructor, UNNAMED])?;
    }
    Ok(())
}

/// A class's card key and its roster ids.
struct Names {
    card_key: Vec<u8>,
}

impl Names {
    fn of(tx: &Transaction<'_>, class: &str) -> Result<Self, StoreError> {
        let card_key = tx.query_row("SELECT card_key FROM class WHERE class = ?", [class], |row| row.get(0))?;
        Ok(Self { card_key })
    }

    fn id(&self, instructor: bool, number: &str) -> String {
        roster_id(&self.card_key, instructor, number)
    }
}

/// The opaque id of a person on a roster, under the key of its class.
pub fn roster_id(card_key: &[u8], instructor: bool, number: &str) -> String {
    let prefix = if instructor { 'i' } else { 't' };
    format!("{prefix}{}", &mac(card_key, &format!("roster-id/{number}"))[..16])
}

/// Gives a class a key of the caller's own in place of the random one, before anybody is on its roster: for a world that is
/// made twice alike.
///
/// # Errors
/// [`StoreError`]; [`StoreError::Corrupt`] when there is no such class, or somebody has an id under the key before.
pub fn set_card_key(tx: &Transaction<'_>, class: &str, key: &[u8; 32]) -> Result<(), StoreError> {
    let sql =
        "UPDATE class SET card_key = ?2 WHERE class = ?1 AND NOT EXISTS (SELECT 1 FROM roster r WHERE r.class = ?1)";
    match tx.prepare_cached(sql)?.execute(params![class, &key[..]])? {
        0 => Err(StoreError::Corrupt("no class without a roster to give a key to")),
        _ => Ok(()),
    }
}

fn mac(key: &[u8], text: &str) -> String {
    hex::encode(hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), text.as_bytes()))
}

/// One person.
///
/// # Errors
/// [`StoreError`].
pub(super) fn person(
    tx: &Transaction<'_>,
    row: &mut Row<'_>,
    of: &Of<'_>,
    keys: &Keys,
) -> Result<Vec<String>, StoreError> {
    let (class, name, number) = (known(tx, row, "class")?, row.text("name"), row.id_number("id_number"));
    let instructor = is_instructor(&row.maybe("role")).unwrap_or_else(|| {
        row.wrong("role", "neither trainee 学员 nor instructor 教师");
        false
    });
    let (category, declined) = (row.maybe("category"), row.yes("declined_face"));
    let added_by = row.optional("added_by", Row::id);
    let mut keyed = |column| row.optional(column, |row, column| keys.identity(&row.text(column)));
    let (phone, payee, introducer) = (keyed("phone"), keyed("payee"), keyed("introducer"));
    let now_ms = muster_hours::schedule::time_ms(of.now);
    if !row.bad {
        let names = Names::of(tx, &class)?;
        let (id, card) = (names.id(instructor, &number), card_hash(&names.card_key, &number));
        let sql = "SELECT 1 FROM roster WHERE class = ? AND card = ? AND id <> ?";
        if tx.prepare_cached(sql)?.exists(params![class, card, id])? {
            row.wrong("role", "this person is on the roster in the other role");
            return Ok(vec![class, number]);
        }
        tx.execute(
            "INSERT INTO roster (class, id, instructor, person, card, name, category, declined, added_ms, added_by, phone,
                                 payee, introducer)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)
             ON CONFLICT (class, id) DO UPDATE SET name = ?6, category = ?7, declined = ?8,
               added_ms = iif(removed_ms = -1, added_ms, ?9), removed_ms = NULL, added_by = ?10, phone = ?11, payee = ?12,
               introducer = ?13",
            params![
                class,
                id,
                instructor,
                keys.person(&number),
                card,
                name,
                category,
                declined,
                now_ms,
                added_by,
                phone,
                payee,
                introducer
            ],
        )?;
    }
    Ok(vec![class, number])
}

/// The roster id of a trainee; says so when there is none.
///
/// # Errors
/// [`StoreError`].
pub(super) fn trainee(
    tx: &Transaction<'_>,
    row: &mut Row<'_>,
    class: &str,
    number: &str,
) -> Result<String, StoreError> {
    let id = Names::of(tx, class)?.id(false, number);
    let name: Option<String> = tx
        .query_row("SELECT name FROM roster WHERE class = ? AND id = ?", [class, &id], |row| row.get(0))
        .optional()?;
    match name {
        None => row.wrong("id_number", "nobody with this number is on the roster of the class"),
        Some(name) if !row.maybe("name").is_empty() && row.maybe("name") != name => {
            row.wrong("name", "the roster has another name for this number");
        }
        Some(_) => {}
    }
    Ok(id)
}

/// One face template.
///
/// # Errors
/// [`StoreError`].
pub(super) fn template(tx: &Transaction<'_>, row: &mut Row<'_>) -> Result<Vec<String>, StoreError> {
    use base64::{Engine, engine::general_purpose::STANDARD};
    let (class, number) = (known(tx, row, "class")?, row.id_number("id_number"));
    let (model, text) = (row.text("model"), row.text("template"));
    if model.len() != 64 || !model.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')) {
        row.wrong("model", "not a SHA-256 in lower-case hex");
    }
    let raw = STANDARD.decode(text).unwrap_or_default();
    let values: Vec<f32> = raw.chunks_exact(4).map(|c| f32::from_le_bytes(c.try_into().unwrap_or_default())).collect();
    if values.is_empty() || raw.len() % 4 != 0 || values.iter().any(|v| !v.is_finite()) {
        row.wrong("template", "not what `muster-edge template` prints");
    }
    if !row.bad {
        let id = trainee(tx, row, &class, &number)?;
        let json = serde_json::to_string(&Template { model, values }).map_err(|_| StoreError::Corrupt("a template"))?;
        tx.execute("UPDATE roster SET template = ? WHERE class = ? AND id = ?", [&json, &class, &id])?;
    }
    Ok(vec![class, hex::encode(sha256(number.as_bytes()))])
}

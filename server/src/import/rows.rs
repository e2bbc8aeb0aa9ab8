//! The files, row by row: what each must hold, and where it goes.

use std::collections::BTreeMap;

use muster_seal::merkle::sha256;
use muster_wire::assignment::{Template, card_hash};
use ring::hmac;
use rusqlite::{OptionalExtension, Transaction, params};

use super::cells::{Column, Row, Table};
use super::{ImportError, RowError, What};
use crate::store::{StoreError, random, setting};

const fn must(name: &'static str, zh: &'static str) -> Column {
    Column { name, zh, optional: false }
}

const fn may(name: &'static str, zh: &'static str) -> Column {
    Column { name, zh, optional: true }
}

const CLASS: Column = must("class", "班期");
const NUMBER: Column = must("id_number", "公民身份号码");
const INSTITUTION: Column = must("institution", "机构代码");
const REGION: Column = must("region", "地区");
const SITE: Column = must("site", "培训点");

const INSTITUTIONS: &[Column] = &[INSTITUTION, must("name", "机构名称"), REGION];
const SITES: &[Column] = &[SITE, INSTITUTION, REGION, must("name", "名称"), may("address", "地址")];
const CLASSES: &[Column] = &[
    CLASS,
    INSTITUTION,
    SITE,
    must("title", "班名"),
    may("occupation", "职业"),
    may("level", "等级"),
    must("policy", "政策"),
];
const SCHEDULES: &[Column] =
    &[CLASS, must("session", "课次"), must("lesson", "课"), must("start", "开始"), must("end", "结束")];
const ROSTERS: &[Column] = &[
    CLASS,
    may("role", "身份"),
    must("name", "姓名"),
    NUMBER,
    may("category", "人员类别"),
    may("declined_face", "不同意人脸"),
];
const TEMPLATES: &[Column] = &[CLASS, NUMBER, must("model", "模型"), must("template", "模板")];
const CLAIMS: &[Column] = &[CLASS, NUMBER, may("name", "姓名"), must("hours", "课时"), must("amount", "金额")];

/// The columns of a file.
pub fn columns(what: What) -> &'static [Column] {
    match what {
        What::Institutions => INSTITUTIONS,
        What::Sites => SITES,
        What::Classes => CLASSES,
        What::Schedules => SCHEDULES,
        What::Rosters => ROSTERS,
        What::Templates => TEMPLATES,
        What::Claims => CLAIMS,
        What::Policy => &[],
    }
}

/// Writes the rows, and gives what is wrong with them; the caller rolls back when anything is.
///
/// # Errors
/// [`ImportError::Store`].
pub fn apply(
    tx: &Transaction<'_>,
    what: What,
    table: &Table,
    now: &str,
    file_hash: &str,
) -> Result<Vec<RowError>, ImportError> {
    let mut errors = Vec::new();
    let mut seen: BTreeMap<Vec<String>, u64> = BTreeMap::new();
    for (line, cells) in &table.rows {
        let mut row = Row::new(*line, cells, &mut errors);
        let key = match what {
            What::Institutions => institution(tx, &mut row)?,
            What::Sites => site(tx, &mut row)?,
            What::Classes => class(tx, &mut row)?,
            What::Schedules => lesson(tx, &mut row)?,
            What::Rosters => person(tx, &mut row)?,
            What::Templates => template(tx, &mut row)?,
            What::Claims => claim(tx, &mut row, now, file_hash)?,
            What::Policy => Vec::new(),
        };
        if let Some(first) = seen.insert(key, row.line()) {
            row.wrong("", format!("stands in line {first} too: remove one of the two"));
        }
    }
    if what == What::Schedules && errors.is_empty() {
        overlaps(tx, table, &mut errors)?;
    }
    Ok(errors)
}

fn exists(tx: &Transaction<'_>, table: &str, key: &str) -> Result<bool, StoreError> {
    // `table` is one of ours, never from a file.
    let column = if table == "policy" { "version" } else { table };
    let sql = format!("SELECT 1 FROM {table} WHERE {column} = ?");
    Ok(tx.prepare_cached(&sql)?.exists([key])?)
}

fn known(tx: &Transaction<'_>, row: &mut Row<'_>, table: &'static str) -> Result<String, StoreError> {
    let id = row.id(table);
    if !row.bad && !exists(tx, table, &id)? {
        row.wrong(table, format!("there is no {table} {id}: import it first"));
    }
    Ok(id)
}

fn institution(tx: &Transaction<'_>, row: &mut Row<'_>) -> Result<Vec<String>, StoreError> {
    let (id, name, region) = (row.id("institution"), row.text("name"), row.region("region"));
    if !row.bad {
        tx.execute(
            "INSERT INTO institution VALUES (?1, ?2, ?3) ON CONFLICT DO UPDATE SET name = ?2, region = ?3",
            [&id, &name, &region],
        )?;
    }
    Ok(vec![id])
}

fn site(tx: &Transaction<'_>, row: &mut Row<'_>) -> Result<Vec<String>, StoreError> {
    let (id, institution) = (row.id("site"), known(tx, row, "institution")?);
    let (region, name, address) = (row.region("region"), row.text("name"), row.maybe("address"));
    if !row.bad {
        tx.execute(
            "INSERT INTO site (site, institution, region, name, address) VALUES (?1, ?2, ?3, ?4, ?5)
             ON CONFLICT DO UPDATE SET institution = ?2, region = ?3, name = ?4, address = ?5",
            [&id, &institution, &region, &name, &address],
        )?;
    }
    Ok(vec![id])
}

fn class(tx: &Transaction<'_>, row: &mut Row<'_>) -> Result<Vec<String>, StoreError> {
    let id = row.id("class");
    let (institution, site, policy) = (known(tx, row, "institution")?, known(tx, row, "site")?, row.text("policy"));
    if !row.bad && !exists(tx, "policy", &policy)? {
        row.wrong("policy", "there is no policy of this version: import it first");
    }
    let (title, occupation, level) = (row.text("title"), row.maybe("occupation"), row.maybe("level"));
    if !row.bad {
        tx.execute(
            "INSERT INTO class (class, institution, site, title, occupation, level, policy, card_key)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)
             ON CONFLICT DO UPDATE SET institution = ?2, site = ?3, title = ?4, occupation = ?5, level = ?6, policy = ?7",
            params![id, institution, site, title, occupation, level, policy, &random::<32>()?[..]],
        )?;
    }
    Ok(vec![id])
}

fn lesson(tx: &Transaction<'_>, row: &mut Row<'_>) -> Result<Vec<String>, StoreError> {
    let (class, session, lesson) = (known(tx, row, "class")?, row.id("session"), row.id("lesson"));
    let ((start, start_ms), (end, end_ms)) = (row.time("start"), row.time("end"));
    if !row.bad && end_ms <= start_ms {
        row.wrong("end", "the lesson ends before it starts");
    }
    if !row.bad {
        tx.execute(
            "INSERT INTO lesson (class, session, lesson, start, \"end\", start_ms, end_ms) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
             ON CONFLICT DO UPDATE SET session = ?2, start = ?4, \"end\" = ?5, start_ms = ?6, end_ms = ?7",
            params![class, session, lesson, start, end, start_ms, end_ms],
        )?;
    }
    Ok(vec![class, lesson])
}

/// Lessons of one class may not overlap, whichever file they came in.
fn overlaps(tx: &Transaction<'_>, table: &Table, errors: &mut Vec<RowError>) -> Result<(), StoreError> {
    let mut get = tx.prepare(
        "SELECT a.class, a.lesson, b.lesson FROM lesson a JOIN lesson b
         ON a.class = b.class AND a.lesson < b.lesson AND a.start_ms < b.end_ms AND b.start_ms < a.end_ms",
    )?;
    let rows = get.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
    for pair in rows {
        let (class, a, b): (String, String, String) = pair?;
        let at = |lesson: &str| {
            let row = table
                .rows
                .iter()
                .find(|(_, c)| c.get("class") == Some(&class) && c.get("lesson").is_some_and(|l| l == lesson));
            row.map(|(line, _)| *line)
        };
        if let Some(line) = at(&b).or(at(&a)) {
            errors.push(RowError {
                line,
                column: "start",
                what: format!("lessons {a} and {b} of class {class} overlap"),
            });
        }
    }
    Ok(())
}

/// A class's card key, its roster ids and a person's id across classes.
struct Names {
    card_key: Vec<u8>,
    person_key: Vec<u8>,
}

impl Names {
    fn of(tx: &Transaction<'_>, class: &str) -> Result<Self, StoreError> {
        let card_key = tx.query_row("SELECT card_key FROM class WHERE class = ?", [class], |row| row.get(0))?;
        Ok(Self { card_key, person_key: setting(tx, "person_key")?.ok_or(StoreError::Corrupt("no person key"))? })
    }

    fn id(&self, instructor: bool, number: &str) -> String {
        let prefix = if instructor { 'i' } else { 't' };
        format!("{prefix}{}", &mac(&self.card_key, &format!("roster-id/{number}"))[..16])
    }
}

fn mac(key: &[u8], text: &str) -> String {
    hex::encode(hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), text.as_bytes()))
}

fn person(tx: &Transaction<'_>, row: &mut Row<'_>) -> Result<Vec<String>, StoreError> {
    let (class, name, number) = (known(tx, row, "class")?, row.text("name"), row.id_number("id_number"));
    let instructor = match row.maybe("role").to_lowercase().as_str() {
        "" | "trainee" | "学员" => false,
        "instructor" | "教师" => true,
        _ => {
            row.wrong("role", "neither trainee 学员 nor instructor 教师");
            false
        }
    };
    let (category, declined) = (row.maybe("category"), row.yes("declined_face"));
    if !row.bad {
        let names = Names::of(tx, &class)?;
        let (id, card) = (names.id(instructor, &number), card_hash(&names.card_key, &number));
        let sql = "SELECT 1 FROM roster WHERE class = ? AND card = ? AND id <> ?";
        if tx.prepare_cached(sql)?.exists(params![class, card, id])? {
            row.wrong("role", "this person is on the roster in the other role");
            return Ok(vec![class, number]);
        }
        tx.execute(
            "INSERT INTO roster (class, id, instructor, person, card, name, category, declined)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)
             ON CONFLICT (class, id) DO UPDATE SET name = ?6, category = ?7, declined = ?8",
            params![class, id, instructor, mac(&names.person_key, &number), card, name, category, declined],
        )?;
    }
    Ok(vec![class, number])
}

/// The roster id of a trainee; says so when there is none.
fn trainee(tx: &Transaction<'_>, row: &mut Row<'_>, class: &str, number: &str) -> Result<String, StoreError> {
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

fn template(tx: &Transaction<'_>, row: &mut Row<'_>) -> Result<Vec<String>, StoreError> {
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

fn claim(tx: &Transaction<'_>, row: &mut Row<'_>, now: &str, file: &str) -> Result<Vec<String>, StoreError> {
    let (class, number) = (known(tx, row, "class")?, row.id_number("id_number"));
    let (hours, amount) = (row.number("hours"), row.fen("amount"));
    if !row.bad {
        let id = trainee(tx, row, &class, &number)?;
        if !row.bad {
            tx.execute(
                "INSERT INTO claim (class, trainee, hours, amount_fen, filed, file) VALUES (?1, ?2, ?3, ?4, ?5, ?6)
                 ON CONFLICT DO UPDATE SET hours = ?3, amount_fen = ?4, filed = ?5, file = ?6",
                params![class, id, hours, amount, now, file],
            )?;
        }
    }
    Ok(vec![class, number])
}

//! The files, row by row: what each must hold, and where it goes.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use rusqlite::{Transaction, params};

use super::cells::{Column, Row, Table};
use super::keys::Keys;
use super::values::Word;
use super::{ImportError, RowError, What, claims, decisions, rosters, schedules, tables};
use crate::store::{StoreError, random};

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
    may("kind", "班型"),
];
const SCHEDULES: &[Column] = &[
    CLASS,
    must("session", "课次"),
    must("lesson", "课"),
    must("start", "开始"),
    must("end", "结束"),
    may("room", "教室"),
    may("instructor", "教师"),
];
const ROSTERS: &[Column] = &[
    CLASS,
    may("role", "身份"),
    must("name", "姓名"),
    NUMBER,
    may("category", "人员类别"),
    may("declined_face", "不同意人脸"),
    may("added_by", "录入人"),
    may("phone", "电话"),
    may("payee", "收款账户"),
    may("introducer", "介绍人"),
];
const TEMPLATES: &[Column] = &[CLASS, NUMBER, must("model", "模型"), must("template", "模板")];
const CLAIMS: &[Column] =
    &[CLASS, NUMBER, may("name", "姓名"), must("hours", "课时"), must("amount", "金额"), may("payee", "收款账户")];
const CALENDAR: &[Column] = &[REGION, must("from", "起"), must("to", "止"), must("why", "原因")];

const DECISIONS: &[Column] = &[
    must("kind", "类别"),
    must("subject", "对象"),
    may("class", "班期"),
    may("institution", "机构代码"),
    must("official", "经办人"),
    may("unit", "科室"),
    may("role", "环节"),
    must("action", "决定"),
    may("reason", "理由"),
    may("opened", "打开时间"),
    must("at", "时间"),
    may("sign_in", "登录标识"),
    may("second", "复核人"),
    may("log_size", "日志大小"),
];

const CLASS_KINDS: &[Word] = &[("day", "日班"), ("evening", "夜班"), ("boarding", "集中"), ("practice", "实操")];

/// The columns of a file.
pub fn columns(what: What) -> Cow<'static, [Column]> {
    Cow::Borrowed(match what {
        What::Institutions => INSTITUTIONS,
        What::Sites => SITES,
        What::Classes => CLASSES,
        What::Schedules => SCHEDULES,
        What::Rosters => ROSTERS,
        What::Templates => TEMPLATES,
        What::Claims => CLAIMS,
        What::Calendar => CALENDAR,
        What::Decisions => DECISIONS,
        What::Policy => &[],
        What::Table(name) => return Cow::Owned(tables::file(name).map(tables::File::header).unwrap_or_default()),
    })
}

/// When a file came, and its hash.
#[derive(Debug, Clone, Copy)]
pub struct Of<'a> {
    /// When, RFC 3339.
    pub now: &'a str,
    /// SHA-256 in hex.
    pub file: &'a str,
}

/// Writes the rows, and gives what is wrong with them; the caller rolls back when anything is.
///
/// # Errors
/// [`ImportError::Store`].
pub fn apply(tx: &Transaction<'_>, what: What, table: &Table, of: &Of<'_>) -> Result<Vec<RowError>, ImportError> {
    let keys = Keys::of(tx)?;
    let mut errors = Vec::new();
    let mut seen: BTreeMap<Vec<String>, u64> = BTreeMap::new();
    // A file of these kinds is the whole of what it says about each class it names.
    match what {
        What::Schedules => schedules::before(tx, table, of.now)?,
        What::Rosters => rosters::before(tx, table)?,
        What::Claims => claims::before(tx, table)?,
        _ => {}
    }
    let file = if let What::Table(name) = what { tables::file(name) } else { None };
    file.map_or(Ok(()), |file| tables::before(tx, file))?;
    for (line, cells) in &table.rows {
        let mut row = Row::new(*line, cells, &mut errors);
        let key = match what {
            What::Institutions => institution(tx, &mut row)?,
            What::Sites => site(tx, &mut row)?,
            What::Classes => class(tx, &mut row)?,
            What::Schedules => schedules::lesson(tx, &mut row, of, &keys)?,
            What::Rosters => rosters::person(tx, &mut row, of, &keys)?,
            What::Templates => rosters::template(tx, &mut row)?,
            What::Claims => claims::claim(tx, &mut row, of, &keys)?,
            What::Calendar => calendar(tx, &mut row)?,
            What::Decisions => decisions::decision(tx, &mut row, &keys)?,
            What::Table(_) => file.map_or(Ok(Vec::new()), |file| tables::row(tx, &mut row, file, &keys))?,
            What::Policy => Vec::new(),
        };
        if let Some(first) = seen.insert(key, row.line()) {
            row.wrong("", format!("stands in line {first} too: remove one of the two"));
        }
    }
    if errors.is_empty() {
        match what {
            What::Schedules => {
                schedules::after(tx, table)?;
                schedules::overlaps(tx, table, &mut errors)?;
            }
            What::Rosters => rosters::after(tx, table, of.now)?,
            _ => {}
        }
    }
    Ok(errors)
}

/// The classes that a file names.
pub(super) fn named(table: &Table) -> BTreeSet<&str> {
    table.rows.iter().filter_map(|(_, cells)| cells.get("class")).map(String::as_str).collect()
}

pub(super) fn exists(tx: &Transaction<'_>, table: &str, key: &str) -> Result<bool, StoreError> {
    // `table` is one of ours, never from a file.
    let column = if table == "policy" { "version" } else { table };
    let sql = format!("SELECT 1 FROM {table} WHERE {column} = ?");
    Ok(tx.prepare_cached(&sql)?.exists([key])?)
}

pub(super) fn known(tx: &Transaction<'_>, row: &mut Row<'_>, table: &'static str) -> Result<String, StoreError> {
    let id = row.id(table);
    if !row.bad && !exists(tx, table, &id)? {
        row.wrong(table, format!("there is no such {table}: import it first"));
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
    let kind = row.optional("kind", |row, column| row.word(column, CLASS_KINDS));
    if !row.bad {
        tx.execute(
            "INSERT INTO class (class, institution, site, title, occupation, level, policy, card_key, kind)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)
             ON CONFLICT DO UPDATE SET institution = ?2, site = ?3, title = ?4, occupation = ?5, level = ?6, policy = ?7,
               kind = ?9",
            params![id, institution, site, title, occupation, level, policy, &random::<32>()?[..], kind],
        )?;
    }
    Ok(vec![id])
}

fn calendar(tx: &Transaction<'_>, row: &mut Row<'_>) -> Result<Vec<String>, StoreError> {
    let (region, (_, from), (_, to)) = (row.region("region"), row.time("from"), row.time("to"));
    let why = match row.text("why").to_lowercase().as_str() {
        "closed" | "停课" => "closed",
        "weather" | "天气" => "weather",
        "power" | "停电" => "power",
        "network" | "断网" => "network",
        "" => "",
        _ => {
            row.wrong("why", "neither closed 停课, weather 天气, power 停电 nor network 断网");
            ""
        }
    };
    if !row.bad && to <= from {
        row.wrong("to", "ends before it begins");
    }
    if !row.bad {
        tx.execute(
            "INSERT INTO calendar VALUES (?1, ?2, ?3, ?4) ON CONFLICT DO UPDATE SET why = ?4",
            params![region, from, to, why],
        )?;
    }
    Ok(vec![region, from.to_string(), to.to_string()])
}

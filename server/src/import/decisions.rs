//! What officials decided elsewhere: on opening classes, on claims, on releases. A file adds to those before it: nobody takes
//! a decision away by leaving it out.

use rusqlite::{OptionalExtension, Transaction, params};

use super::cells::Row;
use super::keys::Keys;
use super::values::Word;
use crate::store::StoreError;

const KINDS: &[Word] = &[("class", "开班"), ("claim", "申领"), ("finding", "疑点"), ("release", "拨付")];
const ROLES: &[Word] = &[("review", "审核"), ("approve", "审批"), ("release", "拨付"), ("inspect", "检查")];
const ACTIONS: &[Word] = &[
    ("approve", "同意"),
    ("refuse", "不同意"),
    ("release", "拨付"),
    ("withdraw", "撤回"),
    ("uphold", "成立"),
    ("dismiss", "排除"),
    ("investigate", "核查"),
];

/// The institution of a class; `None` when there is no such class.
fn of_class(tx: &Transaction<'_>, class: &str) -> Result<Option<String>, StoreError> {
    let mut get = tx.prepare_cached("SELECT institution FROM class WHERE class = ?")?;
    Ok(get.query_row([class], |row| row.get(0)).optional()?)
}

/// One decision. What it is about names the class, and the class the institution, where the file does not.
///
/// # Errors
/// [`StoreError`].
pub(super) fn decision(tx: &Transaction<'_>, row: &mut Row<'_>, keys: &Keys) -> Result<Vec<String>, StoreError> {
    let (kind, subject) = (row.word("kind", KINDS), row.short("subject"));
    let class = row.optional("class", Row::id);
    let class = match class {
        None if of_class(tx, &subject)?.is_some() => Some(subject.clone()),
        class => class,
    };
    let known = class.as_deref().map_or(Ok(None), |class| of_class(tx, class))?;
    if class.is_some() && known.is_none() && !row.bad {
        row.wrong("class", "there is no such class: import it first");
    }
    if kind == "class" && class.is_none() && !row.bad {
        row.wrong("subject", "there is no such class: import it first");
    }
    let institution = row.optional("institution", Row::id).or(known);
    let (official, second) = (row.id("official"), row.optional("second", Row::id));
    let (unit, role) = (row.optional("unit", Row::short), row.optional("role", |row, c| row.word(c, ROLES)));
    let action = row.word("action", ACTIONS);
    let (opened, (_, at)) = (row.optional("opened", |row, c| row.time(c).1), row.time("at"));
    if !row.bad && opened.is_some_and(|opened| opened > at) {
        row.wrong("opened", "opened after it was decided");
    }
    let reason = row.optional("reason", |row, c| keys.words(&row.text(c)));
    let sign_in = row.optional("sign_in", |row, c| keys.identity(&row.text(c)));
    let log_size = row.optional("log_size", |row, c| row.whole(c, &(0..=i64::MAX)));
    let key = vec![kind.to_owned(), subject.clone(), official.clone(), action.to_owned(), at.to_string()];
    if !row.bad {
        tx.prepare_cached(
            "INSERT OR REPLACE INTO decision (kind, subject, class, institution, official, unit, role, action, reason,
                                              opened_ms, at_ms, sign_in, second, log_size)
             VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        )?
        .execute(params![
            kind,
            subject,
            class,
            institution,
            official,
            unit,
            role,
            action,
            reason,
            opened,
            at,
            sign_in,
            second,
            log_size
        ])?;
    }
    Ok(key)
}

//! Claims: a file is the whole of what is asked to be paid for each class it names.

use rusqlite::Transaction;
use rusqlite::params;

use super::cells::{Row, Table};
use super::keys::Keys;
use super::rosters::trainee;
use super::rows::{Of, known, named};
use crate::store::StoreError;

/// How many class hours above the schedule a claim may ask for and still be taken, to be found out: what is above that is
/// no claim but a slip of the hand, or a file of something else.
const SLACK: i64 = 100;
/// And never more than this: the longest programme has a tenth.
const MOST: i64 = 2_000;

/// Takes away what was asked before for the classes that a file names.
///
/// # Errors
/// [`StoreError`].
pub(super) fn before(tx: &Transaction<'_>, table: &Table) -> Result<(), StoreError> {
    for class in named(table) {
        tx.execute("DELETE FROM claim WHERE class = ?", [class])?;
    }
    Ok(())
}

fn most_hours(tx: &Transaction<'_>, class: &str) -> Result<i64, StoreError> {
    let mut get = tx.prepare_cached("SELECT count(*) FROM lesson WHERE class = ?")?;
    let planned: i64 = get.query_row([class], |row| row.get(0))?;
    Ok((planned + SLACK).min(MOST))
}

/// One claim.
///
/// # Errors
/// [`StoreError`].
pub(super) fn claim(
    tx: &Transaction<'_>,
    row: &mut Row<'_>,
    of: &Of<'_>,
    keys: &Keys,
) -> Result<Vec<String>, StoreError> {
    let (class, number) = (known(tx, row, "class")?, row.id_number("id_number"));
    let (hours, amount) = (row.number("hours"), row.fen("amount"));
    let payee = row.optional("payee", |row, column| keys.identity(&row.text(column)));
    if !row.bad && hours == 0 && amount > 0 {
        row.wrong("hours", "an amount for no hours: for a lump sum, too, write the class hours that it is for");
    }
    if !row.bad {
        let most = most_hours(tx, &class)?;
        if i64::from(hours) > most {
            row.wrong("hours", format!("at most {most} class hours: the schedule of the class, and {SLACK} more"));
        }
    }
    if !row.bad {
        let id = trainee(tx, row, &class, &number)?;
        if !row.bad {
            tx.execute(
                "INSERT INTO claim (class, trainee, hours, amount_fen, filed, file, payee)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
                 ON CONFLICT DO UPDATE SET hours = ?3, amount_fen = ?4, filed = ?5, file = ?6, payee = ?7",
                params![class, id, hours, amount, of.now, of.file, payee],
            )?;
        }
    }
    Ok(vec![class, number])
}

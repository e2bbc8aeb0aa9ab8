//! Evidence tables into [`Facts`]: columns as they come, no row by itself.

use std::collections::HashMap;

use datafusion::arrow::array::{Array, AsArray, BooleanArray, Int64Array, RecordBatch, StringArray};
use datafusion::arrow::datatypes::Int64Type;

use super::{Class, Facts, Logged, OF_LOGS, Session, Shape};
use crate::store::StoreError;

/// The columns of `lessons` that are read.
pub const LESSONS: [&str; 11] =
    ["class", "trainee", "lesson", "shape", "reason", "assurance", "manual", "device", "counter", "seq_from", "seq_to"];
/// The columns of `sessions` that are read.
pub const SESSIONS: [&str; 5] = ["class", "device", "counter", "open", "close"];

const SHAPE: StoreError = StoreError::Corrupt("evidence of another shape");

fn texts<'a>(batch: &'a RecordBatch, name: &str) -> Result<&'a StringArray, StoreError> {
    batch.column_by_name(name).and_then(|c| c.as_string_opt::<i32>()).ok_or(SHAPE)
}

fn ints<'a>(batch: &'a RecordBatch, name: &str) -> Result<&'a Int64Array, StoreError> {
    batch.column_by_name(name).and_then(|c| c.as_primitive_opt::<Int64Type>()).ok_or(SHAPE)
}

fn bools<'a>(batch: &'a RecordBatch, name: &str) -> Result<&'a BooleanArray, StoreError> {
    batch.column_by_name(name).and_then(|c| c.as_boolean_opt()).ok_or(SHAPE)
}

/// Takes rows of `lessons` and `sessions` into facts whose classes are there already.
pub struct Loader<'a> {
    facts: &'a mut Facts,
    classes: HashMap<String, usize>,
    sessions: HashMap<(String, i64), u32>,
}

impl<'a> Loader<'a> {
    /// Reads all of `sessions` first.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`].
    pub fn new(facts: &'a mut Facts, sessions: &[RecordBatch]) -> Result<Self, StoreError> {
        let classes: HashMap<String, usize> =
            facts.classes.iter().enumerate().map(|(i, class)| (class.class.clone(), i)).collect();
        for batch in sessions {
            let (class, device) = (texts(batch, "class")?, texts(batch, "device")?);
            let (counter, open, close) = (ints(batch, "counter")?, ints(batch, "open")?, ints(batch, "close")?);
            for i in 0..batch.num_rows() {
                let session =
                    Session { device: device.value(i).to_owned(), counter: counter.value(i), open: open.value(i) };
                facts.sessions.push(session);
                if let Some(c) = classes.get(class.value(i)) {
                    facts.classes[*c].met.push((open.value(i), close.value(i)));
                }
            }
        }
        facts.sessions.sort();
        let key = |(i, s): (usize, &Session)| ((s.device.clone(), s.counter), i as u32);
        let sessions = facts.sessions.iter().enumerate().map(key).collect();
        Ok(Self { facts, classes, sessions })
    }

    /// Takes rows of `lessons`, in any order; those that follow each other in a log are taken fastest.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`].
    pub fn lessons(&mut self, batch: &RecordBatch) -> Result<(), StoreError> {
        let (class, trainee, lesson) = (texts(batch, "class")?, texts(batch, "trainee")?, texts(batch, "lesson")?);
        let (shape, reason) = (texts(batch, "shape")?, texts(batch, "reason")?);
        let (assurance, manual) = (ints(batch, "assurance")?, bools(batch, "manual")?);
        let (device, counter) = (texts(batch, "device")?, ints(batch, "counter")?);
        let (seq_from, seq_to) = (ints(batch, "seq_from")?, ints(batch, "seq_to")?);
        // What the row before was about: rows of one class, one session and one trainee follow each other.
        let mut at: Option<(&str, usize)> = None;
        let mut log: Option<(&str, i64, u32)> = None;
        let mut who: Option<(&str, Option<usize>)> = None;
        let mut column = 0;
        for i in 0..batch.num_rows() {
            let name = class.value(i);
            let c = match at {
                Some((before, c)) if before == name => c,
                _ => match self.classes.get(name) {
                    Some(c) => {
                        (at, who) = (Some((name, *c)), None);
                        *c
                    }
                    // Nobody asks to be paid for it.
                    None => continue,
                },
            };
            let of: &mut Class = &mut self.facts.classes[c];
            let name = lesson.value(i);
            column = match of.plan.get(column + 1) {
                Some(next) if next.lesson == name => column + 1,
                _ => match of.lesson(name) {
                    Some(column) => column,
                    None => continue,
                },
            };
            of.held[column] = true;
            let row = match who {
                Some((before, row)) if before == trainee.value(i) => row,
                _ => {
                    let row = of.trainee(trainee.value(i));
                    who = Some((trainee.value(i), row));
                    row
                }
            };
            let Some(row) = row else { continue };
            let session = match log {
                Some((d, n, session)) if n == counter.value(i) && d == device.value(i) => session,
                _ => {
                    let key = (device.value(i).to_owned(), counter.value(i));
                    let session = *self.sessions.get(&key).ok_or(SHAPE)?;
                    log = Some((device.value(i), counter.value(i), session));
                    session
                }
            };
            let why = if reason.is_null(i) { "" } else { reason.value(i) };
            let seqs = (!seq_from.is_null(i) && !seq_to.is_null(i))
                .then(|| (seq_from.value(i) as u32, seq_to.value(i) as u32));
            of.log(
                row,
                column,
                Logged {
                    shape: Shape::parse(shape.value(i)).ok_or(SHAPE)?,
                    reason: if why.is_empty() { "" } else { OF_LOGS.into_iter().find(|r| *r == why).ok_or(SHAPE)? },
                    level: assurance.value(i) as u8,
                    manual: manual.value(i),
                    session,
                    seqs,
                },
            );
        }
        Ok(())
    }
}

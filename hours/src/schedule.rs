//! What a session was planned to be: the assignment that the server gives a device, whose hash stands in leaf 0.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::error::AssignmentError;
use crate::policy::Policy;
use muster_seal::record::is_id;
use muster_seal::time::lesson_ms;

/// One session's plan: roster, lessons and policy. Only opaque ids, so that it can go to an auditor as it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Assignment {
    /// The GB/T 2260 code of the region that the site lies in.
    pub region: String,
    /// Who trains.
    pub institution: String,
    /// Where.
    pub site: String,
    /// Which class.
    pub class: String,
    /// Which session of it.
    pub session: String,
    /// The lessons, in order and without overlap. Breaks are what lies between.
    pub lessons: Vec<Lesson>,
    /// The roster: trainees by opaque id.
    pub trainees: Vec<String>,
    /// Who may teach, by opaque id.
    pub instructors: Vec<String>,
    /// How it counts.
    pub policy: Policy,
}

/// One scheduled class hour.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Lesson {
    /// Its id, unique within the class.
    pub lesson: String,
    /// When it starts, with the offset of the place: `2026-03-02T08:00:00+08:00` ([`muster_seal::time`]).
    pub start: String,
    /// When it ends, in the same form.
    pub end: String,
}

/// An assignment whose times were read and whose order was checked. Times are milliseconds since 1970-01-01T00:00Z.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// The document.
    pub assignment: Assignment,
    /// For each lesson its start and end.
    pub times: Vec<(i64, i64)>,
}

/// Milliseconds since 1970-01-01T00:00Z of an RFC 3339 time with an offset, in any of its forms; `None` when there is no such time.
/// What records and assignments hold has one form: [`muster_seal::time`].
pub fn time_ms(text: &str) -> Option<i64> {
    Some(text.parse::<jiff::Timestamp>().ok()?.as_millisecond())
}

/// An instant, in milliseconds since 1970-01-01T00:00Z and of a whole second, as a lesson's time at +08:00; `None` when none can
/// say it.
pub fn lesson_time(ms: i64) -> Option<String> {
    let east = jiff::tz::TimeZone::fixed(jiff::tz::Offset::constant(8));
    let time = jiff::Timestamp::from_millisecond(ms).ok()?.to_zoned_datetime(east);
    let text = time.strftime("%Y-%m-%dT%H:%M:%S%:z").to_string();
    (lesson_ms(&text) == Some(ms)).then_some(text)
}

impl Assignment {
    /// Reads the document as it was sent. There is one way to write it, so that no two readers take it for two documents: the
    /// bytes that serde makes of this type, without spaces and without anything escaped.
    ///
    /// # Errors
    /// [`AssignmentError`]: not in that form, or a [`Plan`] that cannot be.
    pub fn parse(bytes: &[u8]) -> Result<Plan, AssignmentError> {
        let assignment: Self = serde_json::from_slice(bytes).map_err(|_| AssignmentError::Form)?;
        let again = serde_json::to_vec(&assignment).map_err(|_| AssignmentError::Form)?;
        if again != bytes || !is_plain(&assignment.region) || !is_plain(&assignment.policy.version) {
            return Err(AssignmentError::Form);
        }
        assignment.plan()
    }

    /// Checks the document and reads its times.
    ///
    /// # Errors
    /// [`AssignmentError`].
    pub fn plan(self) -> Result<Plan, AssignmentError> {
        for id in [&self.institution, &self.site, &self.class, &self.session]
            .into_iter()
            .chain(&self.trainees)
            .chain(&self.instructors)
            .chain(self.lessons.iter().map(|l| &l.lesson))
        {
            if !is_id(id) {
                return Err(AssignmentError::Id(id.clone()));
            }
        }
        if let Some(id) = twice(self.trainees.iter()) {
            return Err(AssignmentError::TraineeTwice(id));
        }
        if let Some(id) = twice(self.lessons.iter().map(|l| &l.lesson)) {
            return Err(AssignmentError::LessonTwice(id));
        }
        // A share of nothing would attest who never came.
        if !(1..=1000).contains(&self.policy.share_permille) || !(1..=4).contains(&self.policy.level) {
            return Err(AssignmentError::Policy);
        }
        let mut times = Vec::with_capacity(self.lessons.len());
        let mut last = i64::MIN;
        for lesson in &self.lessons {
            let bad = || AssignmentError::LessonTime(lesson.lesson.clone());
            let (start, end) = (lesson_ms(&lesson.start).ok_or_else(bad)?, lesson_ms(&lesson.end).ok_or_else(bad)?);
            if start < last || end <= start {
                return Err(bad());
            }
            last = end;
            times.push((start, end));
        }
        Ok(Plan { assignment: self, times })
    }
}

/// May this text stand in an assignment, where nothing is escaped: has it no quote, backslash or control character?
pub fn is_plain(text: &str) -> bool {
    !text.chars().any(|c| c < ' ' || matches!(c, '"' | '\\'))
}

/// An id that stands there more than once.
fn twice<'a>(mut ids: impl Iterator<Item = &'a String>) -> Option<String> {
    let mut seen = BTreeSet::new();
    ids.find(|id| !seen.insert(*id)).cloned()
}

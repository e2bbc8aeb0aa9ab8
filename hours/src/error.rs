//! Why an assignment cannot be used, or a log cannot be counted under it.

use thiserror::Error;

/// An assignment that cannot be.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum AssignmentError {
    /// Not written in the one form: other keys or another order of them, spaces, escapes, a number with a point, no JSON at all.
    #[error("the assignment is not written in the one form that assignments have")]
    Form,
    /// Something that should be an opaque id is none.
    #[error("{0:?} is no id: 1 to 64 letters, digits, hyphens, underscores or dots")]
    Id(String),
    /// A trainee stands on the roster twice.
    #[error("trainee {0} stands on the roster twice")]
    TraineeTwice(String),
    /// Two lessons have one id.
    #[error("lesson {0} stands in the schedule twice")]
    LessonTwice(String),
    /// A lesson's times do not exist, overlap the lesson before, or end before they start.
    #[error("lesson {0} has no possible time, ends before it starts, or overlaps the one before")]
    LessonTime(String),
    /// The policy's numbers are outside their range.
    #[error("the policy wants a share outside 1 to 1000 per mille or a level outside 1 to 4")]
    Policy,
}

/// A log that does not fit its assignment.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum CountError {
    /// `open` names another site, class, session or policy than the assignment.
    #[error("line 1: `open` says {field} {found:?} and the assignment {want:?}")]
    Mismatch {
        /// Which field.
        field: &'static str,
        /// What `open` says.
        found: String,
        /// What the assignment says.
        want: String,
    },
    /// A record names a trainee who is not on the roster.
    #[error("line {line}: trainee {trainee} is not on the roster")]
    OffRoster {
        /// The line.
        line: u64,
        /// Who.
        trainee: String,
    },
    /// `wall` is no time. No log that was parsed has such a record.
    #[error("line {line}: `wall` is no time that exists")]
    Wall {
        /// The line.
        line: u64,
    },
}

//! Tables that a verified log makes: Parquet, once for each log.

use super::Type::{Bool, Int, Text};
use super::{Source, Table};

/// A trainee × a lesson of a session that was logged.
pub static LESSONS: Table = Table {
    name: "lessons",
    source: Source::Logs,
    columns: &[
        ("class", Text),
        ("session", Text),
        ("device", Text),
        ("counter", Int),
        ("trainee", Text),
        ("lesson", Text),
        ("day", Int),
        ("start", Int),
        ("end", Int),
        ("covered_s", Int),
        ("attested", Bool),
        ("assurance", Int),
        ("manual", Bool),
        ("shape", Text),
        ("reason", Text),
        ("seq_from", Int),
        ("seq_to", Int),
    ],
};

/// An interval during which a trainee was there, at any assurance.
pub static PRESENCE: Table = Table {
    name: "presence",
    source: Source::Logs,
    columns: &[
        ("class", Text),
        ("session", Text),
        ("device", Text),
        ("counter", Int),
        ("trainee", Text),
        ("from", Int),
        ("to", Int),
        ("closed_by", Text),
        ("assurance", Int),
        ("manual", Bool),
        ("seq_from", Int),
        ("seq_to", Int),
        ("spots_due", Int),
        ("spots_met", Int),
    ],
};

/// A card read.
pub static TAPS: Table = Table {
    name: "taps",
    source: Source::Logs,
    columns: &[
        ("class", Text),
        ("session", Text),
        ("device", Text),
        ("counter", Int),
        ("seq", Int),
        ("at", Int),
        ("up_ms", Int),
        ("reader", Text),
        ("trainee", Text),
        ("purpose", Text),
        ("level", Int),
    ],
};

/// A face check.
pub static FACES: Table = Table {
    name: "faces",
    source: Source::Logs,
    columns: &[
        ("class", Text),
        ("session", Text),
        ("device", Text),
        ("counter", Int),
        ("seq", Int),
        ("at", Int),
        ("tap_seq", Int),
        ("trainee", Text),
        ("outcome", Text),
        ("score", Int),
        ("other_trainee", Text),
        ("other_score", Int),
        ("live", Int),
        ("quality", Int),
        ("frame_hash", Text),
        ("face_group", Int),
        ("declined", Bool),
    ],
};

/// An instructor's entry by hand.
pub static MANUALS: Table = Table {
    name: "manuals",
    source: Source::Logs,
    columns: &[
        ("class", Text),
        ("session", Text),
        ("device", Text),
        ("counter", Int),
        ("seq", Int),
        ("at", Int),
        ("trainee", Text),
        ("way", Text),
        ("by", Text),
        ("reason", Text),
        ("level", Int),
        ("excused", Bool),
    ],
};

/// An instructor came or went.
pub static INSTRUCTORS: Table = Table {
    name: "instructors",
    source: Source::Logs,
    columns: &[
        ("class", Text),
        ("session", Text),
        ("device", Text),
        ("counter", Int),
        ("seq", Int),
        ("at", Int),
        ("instructor", Text),
        ("way", Text),
        ("by", Text),
    ],
};

/// Something was recorded as down.
pub static FAULTS: Table = Table {
    name: "faults",
    source: Source::Logs,
    columns: &[
        ("class", Text),
        ("session", Text),
        ("device", Text),
        ("counter", Int),
        ("seq", Int),
        ("part", Text),
        ("name", Text),
        ("reason", Text),
        ("from", Int),
        ("to", Int),
    ],
};

/// The wall clock stepped against boot time.
pub static CLOCKS: Table = Table {
    name: "clocks",
    source: Source::Logs,
    columns: &[
        ("class", Text),
        ("session", Text),
        ("device", Text),
        ("counter", Int),
        ("seq", Int),
        ("at", Int),
        ("step_ms", Int),
        ("gain", Int),
    ],
};

/// A log.
pub static SESSIONS: Table = Table {
    name: "sessions",
    source: Source::Logs,
    columns: &[
        ("class", Text),
        ("session", Text),
        ("device", Text),
        ("counter", Int),
        ("site", Text),
        ("institution", Text),
        ("day", Int),
        ("open", Int),
        ("close", Int),
        ("received", Int),
        ("clock_step_s", Int),
        ("clock_rebased_s", Int),
        ("restarts", Int),
        ("fault_reader_s", Int),
        ("fault_camera_s", Int),
        ("manual_n", Int),
        ("stranger_n", Int),
        ("roster_n", Int),
        ("closed", Text),
        ("log_index", Int),
        ("has_camera", Bool),
    ],
};

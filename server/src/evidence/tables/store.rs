//! Tables that the bureau's store answers for: what was imported as such, devices and decisions.

use super::Type::{Bool, Int, Text};
use super::{Source, Table};

/// A class, by what was imported about it.
pub static CLASSES: Table = Table {
    name: "classes",
    source: Source::Store,
    columns: &[
        ("class", Text),
        ("institution", Text),
        ("site", Text),
        ("region", Text),
        ("occupation", Text),
        ("level", Text),
        ("kind", Text),
        ("policy_level", Int),
        ("daily_cap", Int),
        ("pay_mode", Text),
        ("rate_permille", Int),
        ("size_cap", Int),
        ("yearly_limit", Int),
        ("trainees", Int),
        ("sessions", Int),
        ("lessons", Int),
        ("opens", Int),
        ("ends", Int),
        ("day_from", Int),
        ("day_to", Int),
    ],
};

/// A trainee × a class that is asked to be paid.
pub static CLAIMS: Table = Table {
    name: "claims",
    source: Source::Store,
    columns: &[
        ("class", Text),
        ("trainee", Text),
        ("institution", Text),
        ("region", Text),
        ("hours", Int),
        ("amount", Int),
        ("occupation", Text),
        ("level", Text),
        ("filed", Text),
        ("filed_at", Int),
        ("file_hash", Text),
        ("policy_level", Int),
        ("pay_mode", Text),
        ("rate_permille", Int),
        ("payee", Text),
        ("planned", Int),
        ("attested", Int),
        ("unproven", Int),
    ],
};

/// A trainee in a class; keyed ids, never a name.
pub static ROSTER: Table = Table {
    name: "roster",
    source: Source::Store,
    columns: &[
        ("class", Text),
        ("trainee", Text),
        ("person", Text),
        ("category", Text),
        ("declined_face", Bool),
        ("added", Int),
        ("removed", Int),
        ("added_by", Text),
        ("phone", Text),
        ("payee", Text),
        ("introducer", Text),
    ],
};

/// Who teaches a class, by its roster.
pub static TEACHERS: Table = Table {
    name: "teachers",
    source: Source::Store,
    columns: &[("class", Text), ("instructor", Text), ("person", Text)],
};

/// A planned lesson.
pub static SCHEDULE: Table = Table {
    name: "schedule",
    source: Source::Store,
    columns: &[
        ("class", Text),
        ("session", Text),
        ("lesson", Text),
        ("site", Text),
        ("region", Text),
        ("day", Int),
        ("start", Int),
        ("end", Int),
        ("room", Text),
        ("person", Text),
        ("changed", Int),
    ],
};

/// When a region had no class, no power or no network, as the bureau imported it.
pub static CALENDAR: Table = Table {
    name: "calendar",
    source: Source::Store,
    columns: &[("region", Text), ("from", Int), ("to", Int), ("closed", Bool), ("outage", Bool), ("why", Text)],
};

/// A device.
pub static DEVICES: Table = Table {
    name: "devices",
    source: Source::Store,
    columns: &[
        ("device", Text),
        ("site", Text),
        ("institution", Text),
        ("region", Text),
        ("enrolled", Int),
        ("ended", Int),
        ("contacts", Int),
        ("forks", Int),
    ],
};

/// A sign of life of a device: a contact between sessions, or a log that came.
pub static CONTACTS: Table = Table {
    name: "contacts",
    source: Source::Store,
    columns: &[("device", Text), ("counter", Int), ("at", Int), ("open", Int), ("close", Int)],
};

/// When a log was made, by cosignatures that the site does not own.
pub static BRACKETS: Table = Table {
    name: "brackets",
    source: Source::Store,
    columns: &[("device", Text), ("counter", Int), ("not_before", Int), ("not_after", Int), ("late_s", Int)],
};

/// Counters of a device that nothing has come for, although a later one has.
pub static GAPS: Table = Table {
    name: "gaps",
    source: Source::Store,
    columns: &[
        ("device", Text),
        ("counter_from", Int),
        ("counter_to", Int),
        ("after", Int),
        ("before", Int),
        ("noticed", Int),
    ],
};

/// Two notes that one device signed with one counter, and that cannot both be of one history.
pub static FORKS: Table = Table {
    name: "forks",
    source: Source::Store,
    columns: &[
        ("device", Text),
        ("counter", Int),
        ("size_a", Int),
        ("size_b", Int),
        ("seal_a", Text),
        ("seal_b", Text),
        ("at", Int),
    ],
};

/// The run itself: one row.
pub static RUN: Table = Table { name: "run", source: Source::Store, columns: &[("at", Int), ("log_size", Int)] };

/// What an official decided: on findings in Muster itself, on classes, claims and releases by import.
pub static DISPOSITIONS: Table = Table {
    name: "dispositions",
    source: Source::Store,
    columns: &[
        ("kind", Text),
        ("subject", Text),
        ("class", Text),
        ("institution", Text),
        ("official", Text),
        ("unit", Text),
        ("role", Text),
        ("action", Text),
        ("reason", Text),
        ("opened", Int),
        ("at", Int),
        ("sign_in", Text),
        ("second", Text),
        ("log_size", Int),
        ("log_index", Int),
    ],
};

/// A finding of this run or of one before.
pub static FOUND: Table = Table {
    name: "found",
    source: Source::Store,
    columns: &[
        ("finding", Text),
        ("rule", Text),
        ("grade", Text),
        ("suspect", Bool),
        ("class", Text),
        ("institution", Text),
        ("region", Text),
        ("subject", Text),
        ("fen", Int),
        ("since_size", Int),
        ("since", Int),
        ("gone_size", Int),
    ],
};

//! Tables that are filled by import alone; a rule that needs one says "not testable" while it is empty.

use super::Type::{Bool, Int, Key, Text};
use super::{Source, Table};

/// A site, as approved.
pub static SITES: Table = Table {
    name: "sites",
    source: Source::Import,
    columns: &[("site", Text), ("lat_e6", Int), ("lon_e6", Int), ("network", Text)],
};

/// A licensed room.
pub static ROOMS: Table = Table {
    name: "rooms",
    source: Source::Import,
    columns: &[("institution", Text), ("site", Text), ("room", Text), ("seats", Int)],
};

/// What an institution may teach, and when.
pub static LICENCES: Table = Table {
    name: "licences",
    source: Source::Import,
    columns: &[
        ("institution", Text),
        ("site", Text),
        ("occupation", Text),
        ("level", Text),
        ("from", Int),
        ("to", Int),
    ],
};

/// A subsidy that was paid or filed outside this system.
pub static PAYMENTS: Table = Table {
    name: "payments",
    source: Source::Import,
    columns: &[("person", Key), ("occupation", Text), ("level", Text), ("at", Int), ("institution", Text)],
};

/// What a register answered about a person.
pub static REGISTERS: Table = Table {
    name: "registers",
    source: Source::Import,
    columns: &[
        ("person", Key),
        ("what", Text),
        ("category", Text),
        ("holds", Bool),
        ("from", Int),
        ("to", Int),
        ("answered", Int),
    ],
};

/// What was allowed in writing.
pub static PERMITS: Table = Table {
    name: "permits",
    source: Source::Import,
    columns: &[
        ("what", Text),
        ("class", Text),
        ("trainee", Text),
        ("lesson", Text),
        ("to_class", Text),
        ("site", Text),
        ("from", Int),
        ("to", Int),
        ("granted", Int),
        ("by", Text),
    ],
};

/// A visit.
pub static INSPECTIONS: Table = Table {
    name: "inspections",
    source: Source::Import,
    columns: &[
        ("site", Text),
        ("class", Text),
        ("session", Text),
        ("at", Int),
        ("announced", Int),
        ("inspector", Text),
        ("headcount", Int),
        ("upheld", Bool),
    ],
};

/// Where a device was during a session, by GNSS, cell or gateway.
pub static POSITIONS: Table = Table {
    name: "positions",
    source: Source::Import,
    columns: &[("device", Text), ("counter", Int), ("metres", Int)],
};

/// Who stands behind an institution.
pub static OWNERS: Table = Table {
    name: "owners",
    source: Source::Import,
    columns: &[("institution", Text), ("kind", Text), ("identity", Key)],
};

/// What an official declared about himself and his relatives.
pub static DECLARED: Table = Table {
    name: "declared",
    source: Source::Import,
    columns: &[("official", Text), ("kind", Text), ("identity", Key)],
};

/// A published duty list: who decides for which institution.
pub static DUTIES: Table = Table {
    name: "duties",
    source: Source::Import,
    columns: &[("official", Text), ("institution", Text), ("from", Int), ("to", Int)],
};

/// When a unit works.
pub static HOURS_OF_WORK: Table = Table {
    name: "hours_of_work",
    source: Source::Import,
    columns: &[("unit", Text), ("weekday", Int), ("from_s", Int), ("to_s", Int)],
};

/// What a programme allows, by the version of its policy.
pub static PROGRAMMES: Table = Table {
    name: "programmes",
    source: Source::Import,
    columns: &[("policy", Text), ("size_cap", Int), ("yearly_limit", Int)],
};

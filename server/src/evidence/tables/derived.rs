//! Tables that are made for each run from the others.

use super::Type::{Bool, Int, Text};
use super::{Source, Table};

/// One class hour that is asked to be paid, and what logs say of it.
pub static CLAIMED_CELLS: Table = Table {
    name: "claimed_cells",
    source: Source::Derived,
    columns: &[
        ("class", Text),
        ("trainee", Text),
        ("cell", Int),
        ("hours", Int),
        ("lesson", Text),
        ("session", Text),
        ("day", Int),
        ("start", Int),
        ("end", Int),
        ("logged", Bool),
        ("shape", Text),
        ("reason", Text),
        ("level", Int),
        ("device", Text),
        ("counter", Int),
        ("seq_from", Int),
        ("seq_to", Int),
        ("person", Text),
        ("manual", Bool),
    ],
};

/// Two check-ins of one person that follow each other, in different classes or at different sites.
pub static JOURNEYS: Table = Table {
    name: "journeys",
    source: Source::Derived,
    columns: &[
        ("person", Text),
        ("class_a", Text),
        ("trainee_a", Text),
        ("site_a", Text),
        ("device_a", Text),
        ("counter_a", Int),
        ("seq_a", Int),
        ("at_a", Int),
        ("class_b", Text),
        ("trainee_b", Text),
        ("site_b", Text),
        ("device_b", Text),
        ("counter_b", Int),
        ("seq_b", Int),
        ("at_b", Int),
        ("level_b", Int),
        ("metres", Int),
        ("slack_s", Int),
    ],
};

/// What is usual, and how far a unit is from it; fitted for each run from the `counts` of the rules (section 13 of the catalogue).
pub static NULLS: Table = Table {
    name: "nulls",
    source: Source::Derived,
    columns: &[
        ("rule", Text),
        ("unit", Text),
        ("cell", Text),
        ("units", Int),
        ("n", Int),
        ("k", Int),
        ("limit", Int),
        ("score", Int),
        ("testable", Bool),
        ("passes", Bool),
    ],
};

//! The counting policy: what a class hour is and what it takes to attest one. Set by the bureau, versioned, in whole numbers.

use serde::{Deserialize, Serialize};

/// How a programme pays.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(rename_all = "snake_case")]
pub enum PayMode {
    /// So much for each class hour.
    #[default]
    PerHour,
    /// A lump sum for each trainee whose attendance reaches the rate.
    Lump,
}

/// A counting policy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Policy {
    /// Its version, as records name it.
    pub version: String,
    /// Length of a class hour in seconds; 2700 is 45 minutes.
    pub class_hour_s: u32,
    /// Share of a lesson that presence must cover, per mille: 1 to 1000.
    pub share_permille: u32,
    /// Class hours that count on one day, at most.
    pub daily_cap: u32,
    /// The assurance a check-in needs, 1 to 4.
    pub level: u8,
    /// Does an instructor's manual entry attest? Its share is watched by a rule either way.
    pub manual: bool,
    /// How the programme pays.
    pub pay_mode: PayMode,
    /// The attendance rate a lump sum needs, per mille of the planned lessons.
    pub rate_permille: u32,
}

impl Default for Policy {
    /// 45 minutes, four fifths of a lesson, 8 hours a day, a card and a live face.
    fn default() -> Self {
        Self {
            version: "default-1".to_owned(),
            class_hour_s: 2700,
            share_permille: 800,
            daily_cap: 8,
            level: 2,
            manual: true,
            pay_mode: PayMode::PerHour,
            rate_permille: 800,
        }
    }
}

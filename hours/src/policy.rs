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
    /// How long an agent that was down can excuse in one session, in seconds, all its restarts together. Documents of before
    /// this field mean ten minutes, and a policy that means them is written as it always was.
    #[serde(default = "power_gap", skip_serializing_if = "is_power_gap")]
    pub power_gap_s: u32,
}

/// Ten minutes: a machine that boots slowly, and a hand that has to find the switch.
fn power_gap() -> u32 {
    600
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde asks for a reference")]
fn is_power_gap(seconds: &u32) -> bool {
    *seconds == power_gap()
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
            power_gap_s: power_gap(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_document_of_before_the_power_gap_still_parses_and_is_written_as_it_was() {
        let old = serde_json::json!({
            "version": "v1", "class_hour_s": 2700, "share_permille": 800, "daily_cap": 8, "level": 2, "manual": true,
            "pay_mode": "lump", "rate_permille": 800,
        });
        let policy: Policy = serde_json::from_value(old.clone()).unwrap();
        assert_eq!(policy.power_gap_s, 600);
        assert_eq!(serde_json::to_value(&policy).unwrap(), old);
        let other = Policy { power_gap_s: 60, ..policy };
        assert_eq!(serde_json::from_value::<Policy>(serde_json::to_value(&other).unwrap()).unwrap(), other);
    }
}

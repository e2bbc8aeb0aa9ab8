//! Reader profiles: what is different from one reader to the next, as data in `firmware-config/readers/`.

use std::path::Path;

use anyhow::{Context, Result, bail, ensure};
use serde::Deserialize;

use super::sam::exchange::Timing;

/// A profile.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReaderProfile {
    /// Its id, the file's name.
    pub id: String,
    /// What it is for, in Chinese.
    pub title_zh: String,
    /// What it is for, in English.
    pub title_en: String,
    /// How the reader speaks: `sam`.
    pub protocol: String,
    /// The line's rate: 8 data bits, no parity, one stop bit.
    pub baud: u32,
    /// Between two searches for a card, in milliseconds; 300 at least.
    pub poll_ms: u64,
    /// Time for status and module number, in milliseconds.
    pub status_ms: u64,
    /// Time for find and select.
    pub find_ms: u64,
    /// Time for read.
    pub read_ms: u64,
    /// USB ids, `vvvv:pppp`, of bridges that such readers come with.
    #[serde(default)]
    pub usb: Vec<String>,
}

const SHIPPED: [(&str, &str); 2] = [
    ("sam-115200", include_str!("../../../firmware-config/readers/sam-115200.toml")),
    ("sam-9600", include_str!("../../../firmware-config/readers/sam-9600.toml")),
];

impl ReaderProfile {
    /// A shipped profile by its id, or one from a file by its path.
    ///
    /// # Errors
    /// When there is none, or it is not right.
    pub fn find(name: &str) -> Result<Self> {
        if let Some((_, text)) = SHIPPED.iter().find(|(id, _)| *id == name) {
            return Self::parse(text);
        }
        let path = Path::new(name);
        if !path.exists() {
            let ids: Vec<&str> = SHIPPED.iter().map(|(id, _)| *id).collect();
            bail!("there is no reader profile {name}: use {} or the path of a file", ids.join(", "));
        }
        let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {name}"))?;
        Self::parse(&text).with_context(|| format!("{name} is not a reader profile"))
    }

    fn parse(text: &str) -> Result<Self> {
        let profile: Self = toml::from_str(text)?;
        ensure!(profile.protocol == "sam", "protocol = {:?}: only \"sam\" is known", profile.protocol);
        ensure!(profile.poll_ms >= 300, "poll_ms = {}: 300 at least, or readers overheat", profile.poll_ms);
        ensure!(
            [115_200, 57_600, 38_400, 19_200, 9_600].contains(&profile.baud),
            "baud = {}: no rate of such modules",
            profile.baud
        );
        Ok(profile)
    }

    /// The deadlines.
    pub fn timing(&self) -> Timing {
        let &Self { poll_ms, status_ms, find_ms, read_ms, baud, .. } = self;
        Timing { poll_ms, status_ms, find_ms, read_ms, baud }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_shipped_profile_loads_under_its_own_name() {
        for (id, _) in SHIPPED {
            assert_eq!(ReaderProfile::find(id).unwrap().id, id);
        }
        assert!(ReaderProfile::find("nothing").unwrap_err().to_string().contains("sam-115200"));
    }
}

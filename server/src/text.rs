//! The words on the screen: one catalogue a language, `text/zh.toml` and `text/en.toml`. Chinese comes first.

use std::collections::BTreeMap;
use std::sync::LazyLock;

/// A language of the pages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Lang {
    /// 中文.
    #[default]
    Zh,
    /// English.
    En,
}

impl Lang {
    /// As HTML and the catalogues' file names have it.
    pub fn code(self) -> &'static str {
        match self {
            Self::Zh => "zh",
            Self::En => "en",
        }
    }
}

type Catalogue = BTreeMap<String, BTreeMap<String, String>>;

static ZH: LazyLock<Catalogue> = LazyLock::new(|| read(include_str!("../text/zh.toml")));
static EN: LazyLock<Catalogue> = LazyLock::new(|| read(include_str!("../text/en.toml")));

fn read(text: &str) -> Catalogue {
    // A test reads both files; a broken one never ships.
    toml::from_str(text).unwrap_or_default()
}

/// The text for `section.key`; the key itself where there is none, which a test forbids.
pub fn text(lang: Lang, key: &str) -> String {
    let catalogue = if lang == Lang::Zh { &ZH } else { &EN };
    let found = key.split_once('.').and_then(|(section, key)| catalogue.get(section)?.get(key));
    found.cloned().unwrap_or_else(|| key.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_catalogues_hold_the_same_keys() {
        let keys = |text| {
            let catalogue: Catalogue = toml::from_str(text).unwrap();
            let keys = catalogue.iter().flat_map(|(s, m)| m.keys().map(move |k| format!("{s}.{k}")));
            keys.collect::<Vec<_>>()
        };
        assert_eq!(keys(include_str!("../text/zh.toml")), keys(include_str!("../text/en.toml")));
    }
}

//! The report's words: one catalogue a language.

use std::collections::BTreeMap;
use std::sync::LazyLock;

type Catalogue = BTreeMap<String, BTreeMap<String, String>>;

// A test reads both files; a broken one never ships.
static ZH: LazyLock<Catalogue> = LazyLock::new(|| toml::from_str(include_str!("../text/zh.toml")).unwrap_or_default());
static EN: LazyLock<Catalogue> = LazyLock::new(|| toml::from_str(include_str!("../text/en.toml")).unwrap_or_default());

fn get<'a>(all: &'a Catalogue, key: &'a str) -> &'a str {
    let found = key.split_once('.').and_then(|(section, key)| all.get(section)?.get(key));
    found.map_or(key, String::as_str)
}

/// A text in Chinese and in English; the key itself where there is none.
pub fn both(key: &str) -> (&str, &str) {
    (get(&ZH, key), get(&EN, key))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_catalogues_hold_the_same_keys() {
        let keys = |text| {
            let all: Catalogue = toml::from_str(text).unwrap();
            all.iter().flat_map(|(s, m)| m.keys().map(move |k| format!("{s}.{k}"))).collect::<Vec<_>>()
        };
        assert_eq!(keys(include_str!("../text/zh.toml")), keys(include_str!("../text/en.toml")));
    }
}

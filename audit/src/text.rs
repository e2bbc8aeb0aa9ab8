//! The report's words: one catalogue a language.

use std::collections::BTreeMap;

type Catalogue = BTreeMap<String, BTreeMap<String, String>>;

fn get(catalogue: &str, key: &str) -> String {
    // A test reads both files; a broken one never ships.
    let all: Catalogue = toml::from_str(catalogue).unwrap_or_default();
    let found = key.split_once('.').and_then(|(section, key)| all.get(section)?.get(key));
    found.cloned().unwrap_or_else(|| key.to_owned())
}

/// A text in Chinese and in English.
pub fn both(key: &str) -> (String, String) {
    (get(include_str!("../text/zh.toml"), key), get(include_str!("../text/en.toml"), key))
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

//! The words on the kiosk and of `doctor`: one catalogue a language, `text/zh.toml` and `text/en.toml`.

use std::collections::BTreeMap;

type Catalogue = BTreeMap<String, BTreeMap<String, String>>;

fn flat(text: &str) -> BTreeMap<String, String> {
    // A test reads both files; a broken one never ships.
    let catalogue: Catalogue = toml::from_str(text).unwrap_or_default();
    catalogue.into_iter().flat_map(|(s, m)| m.into_iter().map(move |(k, v)| (format!("{s}.{k}"), v))).collect()
}

/// Both catalogues, by language.
pub fn all() -> serde_json::Value {
    serde_json::json!({ "zh": flat(include_str!("../text/zh.toml")), "en": flat(include_str!("../text/en.toml")) })
}

/// A text in Chinese and then in English.
pub fn both(key: &str) -> String {
    let get = |text| flat(text).remove(key).unwrap_or_else(|| key.to_owned());
    format!("{} / {}", get(include_str!("../text/zh.toml")), get(include_str!("../text/en.toml")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_catalogues_hold_the_same_keys() {
        let (zh, en) = (flat(include_str!("../text/zh.toml")), flat(include_str!("../text/en.toml")));
        assert!(zh.len() > 40);
        assert_eq!(zh.keys().collect::<Vec<_>>(), en.keys().collect::<Vec<_>>());
    }

    #[test]
    fn every_outcome_has_its_words() {
        let zh = flat(include_str!("../text/zh.toml"));
        let js = include_str!("kiosk/assets/kiosk.js");
        let looks = js.split("const looks = {").nth(1).and_then(|s| s.split("};").next()).unwrap();
        let outcomes: Vec<&str> = looks.split('"').skip(1).step_by(4).collect();
        assert_eq!(outcomes.len(), 13);
        for outcome in outcomes {
            assert!(
                zh.contains_key(&format!("result.{outcome}")) && zh.contains_key(&format!("hint.{outcome}")),
                "{outcome}"
            );
        }
    }
}

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
        assert_eq!(outcomes.len(), 31);
        for outcome in outcomes {
            assert!(
                zh.contains_key(&format!("result.{outcome}")) && zh.contains_key(&format!("hint.{outcome}")),
                "{outcome}"
            );
        }
    }

    #[test]
    fn what_stands_on_the_page_and_every_reason_has_its_words() {
        let zh = flat(include_str!("../text/zh.toml"));
        for key in ["stale-behind", "stale-copy", "stale-fork", "unenrolled", "ready", "clock", "choosing", "idle"] {
            assert!(zh.contains_key(&format!("result.{key}")) && zh.contains_key(&format!("hint.{key}")), "{key}");
        }
        for reason in crate::checkin::REASONS {
            assert!(zh.contains_key(&format!("reason.{reason}")), "{reason}");
        }
    }

    /// The page's own rules, run by a judge that knows the language.
    #[test]
    fn an_expired_result_does_not_come_back() {
        let dir = tempfile::tempdir().unwrap();
        let page = dir.path().join("kiosk.js");
        std::fs::write(&page, include_str!("kiosk/assets/kiosk.js")).unwrap();
        let script = "const { left, standing } = require(process.argv[1]);
            const last = (age_ms, outcome = 'in') => ({ outcome, age_ms });
            const want = [[left(null, 0, 0), 0], [left(last(0), 1000, 3000), 4000], [left(last(5000), 1000, 3000), 0],
              [left(last(7000), 1000, 1000), 0], [left(last(90000, 'ask-close'), 0, 90000), Infinity],
              [standing({ stale: '', enrolled: true, phase: 'idle', clock_wrong: true }), 'clock'],
              [standing({ stale: 'copy', enrolled: true, phase: 'running' }), 'stale-copy']];
            want.forEach(([is, should]) => { if (is !== should) { console.error(is, should); process.exit(1); } });";
        let Ok(run) = std::process::Command::new("node").args(["-e", script]).arg(&page).output() else {
            eprintln!("skipped: this test needs node");
            return;
        };
        assert!(run.status.success(), "{}", String::from_utf8_lossy(&run.stderr));
    }
}

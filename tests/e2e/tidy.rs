//! The arrows of ARCHITECTURE.md, and what must not be in the tree: held by a test.

use std::fs;
use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize().unwrap()
}

fn manifest(folder: &str) -> toml::Table {
    fs::read_to_string(root().join(folder).join("Cargo.toml")).unwrap().parse().unwrap()
}

#[test]
fn imports_go_one_way() {
    for (folder, allowed) in [
        ("seal", &[][..]),
        ("hours", &["muster-seal"]),
        ("wire", &["muster-seal", "muster-hours"]),
        ("edge", &["muster-seal", "muster-hours", "muster-wire"]),
        ("server", &["muster-seal", "muster-hours", "muster-wire"]),
        ("audit", &["muster-seal", "muster-hours"]),
    ] {
        let manifest = manifest(folder);
        for table in ["dependencies", "dev-dependencies", "build-dependencies"] {
            let names = manifest.get(table).and_then(toml::Value::as_table).into_iter().flat_map(toml::Table::keys);
            for name in names.filter(|n| n.starts_with("muster-")) {
                assert!(allowed.contains(&name.as_str()), "{folder} may not know {name}");
            }
        }
    }
}

#[test]
fn seal_is_pure_and_the_auditor_needs_little() {
    let names = |folder: &str| -> Vec<String> {
        // What a feature that is off by default brings is no burden of the plain build.
        let optional = |v: &toml::Value| v.get("optional").and_then(toml::Value::as_bool) == Some(true);
        let all = manifest(folder)["dependencies"].as_table().unwrap().clone();
        all.into_iter().filter(|(_, value)| !optional(value)).map(|(name, _)| name).collect()
    };
    assert_eq!(names("seal"), ["base64", "hex", "ring", "thiserror"]);
    assert!(names("audit").len() <= 10, "{:?}", names("audit"));
    for entry in walk(&root().join("seal/src")) {
        let text = fs::read_to_string(&entry).unwrap();
        for word in ["std::fs", "std::io", "std::time", "std::net", "SystemRandom", "async fn"] {
            assert!(!text.contains(word), "{} uses {word}", entry.display());
        }
    }
}

#[test]
fn rules_read_evidence_alone_and_no_float_is_in_them() {
    for entry in walk(&root().join("server/rules")).into_iter().filter(|p| p.extension().is_some_and(|e| e == "sql")) {
        let text = fs::read_to_string(&entry).unwrap();
        let sql: String = text.lines().filter(|l| !l.trim_start().starts_with("--")).collect::<Vec<_>>().join("\n");
        let lower = sql.to_lowercase();
        for word in ["float", "double", "now()", "random", "current_", "roster.name"] {
            assert!(!lower.contains(word), "{} uses {word}", entry.display());
        }
    }
}

fn walk(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).unwrap().flatten() {
        let path = entry.path();
        if path.is_dir() { files.extend(walk(&path)) } else { files.push(path) }
    }
    files
}

//! The rules by an engine that shares no code with ours: DuckDB, over every case of every rule, row for row.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use muster_tests::bureau::{program, run};

/// A Python that has DuckDB: the one that `make test` sets up, or the machine's.
fn python(root: &Path) -> Option<PathBuf> {
    let has_it = |python: &PathBuf| {
        let ask =
            Command::new(python).args(["-c", "import duckdb"]).stdout(Stdio::null()).stderr(Stdio::null()).status();
        ask.is_ok_and(|status| status.success())
    };
    [root.join("target/oracle/bin/python"), PathBuf::from("python3")].into_iter().find(has_it)
}

#[test]
fn duckdb_gives_the_same_rows_for_every_case_of_every_rule() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let Some(python) = python(root) else {
        eprintln!("skipped: this test needs DuckDB for Python (pip install duckdb)");
        return;
    };
    let dir = tempfile::tempdir().unwrap();
    let rows = dir.path().join("rows.jsonl");
    run(Command::new(program("muster-server").unwrap()).args(["rules", "test", "--rows"]).arg(&rows)).unwrap();
    let judged = Command::new(python)
        .arg(root.join("tests/oracle/duckdb_rules.py"))
        .arg("--rows")
        .arg(&rows)
        .arg(root.join("server/rules"))
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&judged.stdout);
    assert!(judged.status.success(), "{said}{}", String::from_utf8_lossy(&judged.stderr));
    let last = said.lines().last().unwrap_or_default();
    assert!(last.ends_with(" cases, 0 failed") && !last.starts_with("0 "), "{last}");
}

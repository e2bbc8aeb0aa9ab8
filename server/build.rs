//! Lists the rules in `rules/`, so that a file that is dropped there is shipped: no list to keep beside the folder.

use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::{env, fs};

fn main() {
    let folder = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").expect("cargo sets it")).join("rules");
    println!("cargo::rerun-if-changed={}", folder.display());
    let mut names: Vec<String> = fs::read_dir(&folder)
        .expect("server/rules")
        .map(|entry| entry.expect("an entry of server/rules").path())
        .filter(|path| path.extension().is_some_and(|e| e == "sql"))
        .map(|path| path.file_stem().expect("a name").to_string_lossy().into_owned())
        .collect();
    names.sort();
    let mut list = format!("[(&str, &str, &str); {}] = [\n", names.len());
    for name in &names {
        let path = |end: &str| folder.join(format!("{name}.{end}"));
        let text = |path: PathBuf| format!("include_str!({:?})", path.display().to_string());
        let _ = writeln!(list, "    ({name:?}, {}, {}),", text(path("sql")), text(path("cases.toml")));
    }
    let code =
        format!("/// The rules that come with the program: file name, SQL, cases.\npub static SHIPPED: {list}];\n");
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets it"));
    fs::write(Path::new(&out).join("shipped.rs"), code).expect("OUT_DIR can be written");
}

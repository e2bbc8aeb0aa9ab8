//! The data of `firmware-config/` and `models/`: all of it loads, and its parts name only what is there.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize().unwrap()
}

fn folder(name: &str) -> PathBuf {
    root().join("firmware-config").join(name)
}

fn walk(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).unwrap().flatten() {
        let path = entry.path();
        if path.is_dir() { files.extend(walk(&path)) } else { files.push(path) }
    }
    files
}

fn with_ending(folder: &Path, ending: &str) -> Vec<PathBuf> {
    let files: Vec<_> = walk(folder).into_iter().filter(|p| p.extension().is_some_and(|e| e == ending)).collect();
    assert!(!files.is_empty(), "{} holds no .{ending}", folder.display());
    files
}

fn table(path: &Path) -> toml::Table {
    fs::read_to_string(path).unwrap().parse().unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

/// The strings of a list; a key that is not there is an empty one.
fn strings(table: &toml::Table, key: &str) -> Vec<String> {
    let list = table.get(key).and_then(toml::Value::as_array).cloned().unwrap_or_default();
    list.iter().map(|v| v.as_str().unwrap().to_owned()).collect()
}

/// The profiles of a folder, by the id that each must share with its file.
fn profiles(name: &str) -> BTreeSet<String> {
    let files = with_ending(&folder(name), "toml");
    let ids = files.iter().map(|path| {
        let id = table(path)["id"].as_str().unwrap().to_owned();
        assert_eq!(path.file_stem().unwrap().to_str().unwrap(), id, "{}", path.display());
        id
    });
    ids.collect()
}

/// The USB ids that the udev rules give a name and a group to.
fn udev() -> BTreeSet<String> {
    let text = fs::read_to_string(folder("udev/60-muster-reader.rules")).unwrap();
    let value = |line: &str, key: &str| {
        let rest = line.split_once(&format!("ATTRS{{{key}}}==\""))?.1;
        Some(rest.split_once('"')?.0.to_owned())
    };
    let rules = text.lines().filter(|l| l.contains("ENV{MUSTER_READER}=\"1\""));
    rules.filter_map(|l| Some(format!("{}:{}", value(l, "idVendor")?, value(l, "idProduct")?))).collect()
}

#[test]
fn every_file_of_data_parses() {
    for path in with_ending(&root().join("firmware-config"), "toml") {
        assert!(!table(&path).is_empty(), "{} is empty", path.display());
    }
    for path in with_ending(&root().join("firmware-config"), "json") {
        let text = fs::read_to_string(&path).unwrap();
        serde_json::from_str::<serde_json::Value>(&text).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    }
}

#[test]
fn kits_name_profiles_that_exist_and_settings_that_are_known() {
    let (readers, cameras, udev) = (profiles("readers"), profiles("cameras"), udev());
    let known = table(&folder("edge.example.toml"));
    assert!(profiles("kits").len() >= 2);
    for path in with_ending(&folder("kits"), "toml") {
        let (kit, name) = (table(&path), path.display());
        for (key, there) in [("readers", &readers), ("cameras", &cameras)] {
            let named = strings(&kit, key);
            assert!(!named.is_empty(), "{name} names no {key}");
            assert!(named.iter().all(|id| there.contains(id)), "{name}: {key} {named:?}, there are {there:?}");
        }
        for key in kit["settings"].as_table().unwrap().keys() {
            assert!(known.contains_key(key), "{name}: edge.toml has no {key}");
        }
        for part in kit["part"].as_array().unwrap() {
            let part = part.as_table().unwrap();
            assert!(part["count"].as_integer().unwrap() > 0 && part.contains_key("what_en"), "{name}: {part:?}");
            for usb in strings(part, "usb") {
                assert!(udev.contains(&usb), "{name}: {usb} has no udev rule");
            }
        }
    }
}

#[test]
fn every_usb_id_of_a_reader_has_a_udev_rule() {
    let udev = udev();
    assert!(udev.len() >= 4, "{udev:?}");
    for path in with_ending(&folder("readers"), "toml") {
        for usb in strings(&table(&path), "usb") {
            assert!(udev.contains(&usb), "{}: {usb} has no udev rule", path.display());
        }
    }
}

/// What a unit sets a key to, each time.
fn settings(unit: &str, key: &str) -> Vec<String> {
    unit.lines().filter_map(|l| l.strip_prefix(key)?.strip_prefix('=')).map(str::to_owned).collect()
}

#[test]
fn units_run_our_programs_as_users_of_their_own() {
    for path in with_ending(&folder("systemd"), "service") {
        let (text, name) = (fs::read_to_string(&path).unwrap(), path.display());
        let lines = text.lines().filter(|l| l.starts_with("Exec")).filter_map(|l| l.split_once('='));
        let run: Vec<&str> = lines.map(|(_, command)| command).collect();
        assert!(!run.is_empty(), "{name} starts nothing");
        for command in run {
            // No prefix either: `+` and `!` would start it with more rights.
            assert!(command.starts_with("/usr/bin/muster-"), "{name}: {command}");
        }
        assert!(settings(&text, "User").iter().any(|u| u.starts_with("muster")), "{name}: no user of its own");
    }
}

#[test]
fn what_serves_starts_again_for_ever_and_ends_in_order() {
    for name in ["muster-edge", "muster-kiosk", "muster-server"] {
        let text = fs::read_to_string(folder("systemd").join(format!("{name}.service"))).unwrap();
        for (key, value) in [("Restart", "always"), ("StartLimitIntervalSec", "0"), ("NoNewPrivileges", "yes")] {
            assert_eq!(settings(&text, key), [value], "{name}: {key}");
        }
        // None of the programs speaks sd_notify: a watchdog would end them for it.
        assert!(settings(&text, "WatchdogSec").is_empty() && settings(&text, "Type") == ["exec"], "{name}");
        // Ours listen to SIGINT alone; systemd's own choice would cut them off.
        if name != "muster-kiosk" {
            assert_eq!(settings(&text, "KillSignal"), ["SIGINT"], "{name}");
        }
    }
}

#[test]
fn the_agents_unit_lets_readers_and_cameras_in() {
    let text = fs::read_to_string(folder("systemd/muster-edge.service")).unwrap();
    for node in ["ttyUSB", "ttyACM", "ttyS", "video4linux"] {
        assert!(text.lines().any(|l| l == format!("DeviceAllow=char-{node} rw")), "{node}");
    }
    for hidden in ["PrivateDevices=yes", "ProcSubset=pid"] {
        assert!(!text.lines().any(|l| l == hidden), "{hidden} hides what the agent reads");
    }
}

#[test]
fn the_proxy_knows_the_addresses_of_the_example() {
    let config = table(&folder("server.example.toml"));
    let proxy = fs::read_to_string(folder("nginx/muster.conf")).unwrap();
    for key in ["devices", "bureau"] {
        let at = config[key].as_str().unwrap();
        assert!(proxy.contains(&format!("proxy_pass http://{at};")), "{key} {at}");
    }
    // Behind a proxy on loopback the program would ask for no password by itself.
    assert!(config.contains_key("bureau_password_file"));
}

#[test]
fn the_pages_tell_of_every_folder_and_every_model() {
    let page = fs::read_to_string(folder("README.md")).unwrap();
    for entry in fs::read_dir(folder("")).unwrap().flatten() {
        let name = entry.file_name().into_string().unwrap();
        let told = if entry.path().is_dir() { format!("`{name}/`") } else { name.clone() };
        assert!(name == "README.md" || page.contains(&told), "README.md does not tell of {name}");
    }
    let page = fs::read_to_string(root().join("models/README.md")).unwrap();
    let manifest = table(&root().join("models/manifest.toml"));
    for model in manifest["model"].as_array().unwrap() {
        for key in ["id", "licence"] {
            let value = model[key].as_str().unwrap();
            assert!(page.contains(value), "models/README.md does not tell of {value}");
        }
        for key in ["same", "other"] {
            if let Some(value) = model.get(key).and_then(toml::Value::as_integer) {
                assert!(page.contains(&format!("`{key} = {value}`")), "models/README.md has another {key}");
            }
        }
    }
}

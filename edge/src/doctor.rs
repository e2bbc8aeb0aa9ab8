//! `muster-edge doctor`: one line for each thing that must work, and what to do where it does not. It looks and no more:
//! nothing is made, sent up or written, so it may be run beside the agent and on a disk that is evidence.

use std::fmt::Write;
use std::path::PathBuf;

use crate::camera::models::{ModelSet, opencv_version};
use crate::camera::profile::CameraProfile;
use crate::camera::{self, Capability};
use crate::clock::{self, Clock};
use crate::config::Config;
use crate::identity::{self, Identity};
use crate::reader::profile::ReaderProfile;
use crate::reader::{self, transport};
use crate::second;
use crate::store::Store;
use crate::sync::{Client, SyncError};
use crate::text::both;
use crate::trust;

/// What was found.
#[derive(Debug, Default)]
pub struct Findings {
    /// One line each.
    pub lines: Vec<String>,
    /// Is there something to do?
    pub to_do: bool,
}

/// A text of doctor's own.
fn word(key: &str) -> String {
    both(&format!("doctor.{key}"))
}

impl Findings {
    fn say(&mut self, what: &str, name: &str, result: Result<String, String>) {
        let (mark, detail) = match result {
            Ok(detail) => ("✓", detail),
            Err(detail) => {
                self.to_do = true;
                ("✗", detail)
            }
        };
        let mut line = format!("{mark} {}", word(what));
        if !name.is_empty() {
            let _ = write!(line, " {name}");
        }
        let _ = write!(line, ": {detail}");
        self.lines.push(line);
    }
}

/// Looks at everything.
pub fn look(config: &Config) -> Findings {
    let mut found = Findings::default();
    let mut bureau_ms = None;
    let folder = config.data_dir.display().to_string();
    match Store::look(&config.data_dir) {
        Ok(store) => {
            found.say("store", &folder, Ok(word("ok")));
            if let Err(error) = me(config, &store, &mut found, &mut bureau_ms) {
                found.say("identity", "", Err(format!("{error:#}")));
            }
        }
        Err(_) if !config.data_dir.join("edge.sqlite").exists() => {
            found.say("store", &folder, Err(word("store-missing")));
        }
        Err(error) => found.say("store", &folder, Err(error.to_string())),
    }
    time(config, bureau_ms, &mut found);
    readers(config, &mut found);
    models(config, &mut found);
    eyes(config, &mut found);
    found
}

/// What is wrong with a clock that shows `now_ms`.
fn clock_fault(now_ms: i64, bureau_ms: Option<i64>) -> Option<String> {
    if now_ms < trust::built_ms() - trust::TOLERANCE_MS {
        return Some(word("clock-built"));
    }
    let off = bureau_ms.map(|bureau| now_ms - bureau).filter(|off| off.abs() > trust::TOLERANCE_MS)?;
    Some(format!("{} {}", word("clock-server"), off / 1000))
}

fn time(config: &Config, bureau_ms: Option<i64>, found: &mut Findings) {
    let clock = Clock::new(config.utc_offset_hours).and_then(|clock| Ok((clock.stamp()?.wall, clock.wall_ms())));
    let told = match clock {
        Ok((wall, now_ms)) => match clock_fault(now_ms, bureau_ms) {
            Some(fault) => Err(format!("{wall}: {fault}")),
            None => Ok(wall),
        },
        Err(error) => Err(error.to_string()),
    };
    found.say("clock", "", told);
}

fn me(config: &Config, store: &Store, found: &mut Findings, bureau_ms: &mut Option<i64>) -> anyhow::Result<()> {
    let (Some(me), Some(key)) = (identity::load_to_sign(store)?, identity::look(store)?) else {
        found.say("identity", "", Err(word("unenrolled")));
        return Ok(());
    };
    found.say("identity", "", Ok(format!("{} @ {}", me.device, me.site)));
    if let Err(why) = second::agrees(&me, config.second_signature.is_some()) {
        found.say("identity", "", Err(why.to_string()));
    }
    if let Some(why) = store.stale()? {
        found.say("store", "", Err(word(&format!("stale-{why}"))));
    }
    for refused in store.listed()?.into_iter().filter(|s| s.state == "refused") {
        let what = format!("{} {}: {}", word("ask-retry"), refused.counter, refused.reason);
        found.say("store", &refused.counter.to_string(), Err(what));
    }
    let client = Client::new(&config.server, key, config.ca_file.as_deref())?;
    found.say("server", &config.server, server(&client, store, &me)?);
    if let (Some(offset), Ok(up_ms)) = (client.offset_ms(), clock::up_ms()) {
        *bureau_ms = Some(up_ms as i64 + offset);
    }
    Ok(())
}

/// Asks the bureau what may be held here, and keeps nothing of the answer.
fn server(client: &Client, store: &Store, me: &Identity) -> anyhow::Result<Result<String, String>> {
    let (next, _) = store.next_counter()?;
    Ok(match client.assignments(me) {
        Ok(sent) if sent.counter >= next => Err(word("stale-behind")),
        Ok(_) => Ok(word("ok")),
        Err(SyncError::Offline(why)) => Err(format!("{} ({why})", word("offline"))),
        Err(error) => Err(format!("{} {error}", word("refused"))),
    })
}

fn readers(config: &Config, found: &mut Findings) {
    for r in &config.reader {
        let probed = match ReaderProfile::find(&r.profile) {
            Ok(profile) => match reader::probe(&r.path, &profile) {
                Ok(id) => Ok(format!("{} {id}", word("ok"))),
                Err(key) => Err(word(key)),
            },
            Err(e) => Err(format!("{e:#}")),
        };
        found.say("reader", &format!("{} {}", r.name, r.path), probed);
    }
    if config.reader.is_empty() {
        let answers = |port: &String| {
            ["sam-115200", "sam-9600"]
                .iter()
                .find(|id| ReaderProfile::find(id).is_ok_and(|profile| reader::probe(port, &profile).is_ok()))
                .map(|id| format!("{port} ({id})"))
        };
        let there: Vec<String> = transport::candidates().iter().filter_map(answers).collect();
        found.say("reader", "", Err(format!("{} {}", word("reader-none"), list(&there))));
    }
}

fn list(found: &[String]) -> String {
    if found.is_empty() { "-".to_owned() } else { found.join(", ") }
}

fn models(config: &Config, found: &mut Findings) {
    let told = match ModelSet::load(config.models_dir.as_deref(), opencv_version()) {
        Ok(set) => match set.capability() {
            Capability::Identity => Ok(set.hashes().into_keys().collect::<Vec<_>>().join(", ")),
            Capability::Presence => Err(word("models-presence")),
            Capability::None => Err(word("models-none")),
        },
        Err(e) => Err(format!("{e:#}")),
    };
    found.say("models", "", told);
}

fn eyes(config: &Config, found: &mut Findings) {
    let look = |profile: &str, source: Option<&str>| -> Result<String, String> {
        let profile = CameraProfile::find(profile, source).map_err(|e| format!("{e:#}"))?;
        camera::probe(&profile).map_err(word)
    };
    match &config.camera {
        Some(c) => found.say("camera", &c.name, look(&c.profile, c.source.as_deref())),
        None => {
            let devices = videos().into_iter().filter(|path| look("uvc-webcam", path.to_str()).is_ok());
            let there: Vec<String> = devices.map(|path| path.display().to_string()).collect();
            found.say("camera", "", Err(format!("{} {}", word("camera-none"), list(&there))));
        }
    }
}

/// The kernel's video devices.
fn videos() -> Vec<PathBuf> {
    let all = std::fs::read_dir("/dev").into_iter().flatten().flatten();
    let mut found: Vec<PathBuf> =
        all.filter(|e| e.file_name().to_string_lossy().starts_with("video")).map(|e| e.path()).collect();
    found.sort();
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn looking_at_a_folder_that_is_not_there_makes_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let data = dir.path().join("data");
        let config = format!("server = \"http://127.0.0.1:1\"\ndata_dir = \"{}\"\n", data.display());
        let config: Config = toml::from_str(&config).unwrap();
        let found = look(&config);
        assert!(found.to_do && !data.exists());
        assert!(found.lines.iter().any(|l| l.contains("还没有数据") && l.contains("no data yet")), "{found:?}");
        // Of a store that is there nothing changes either, and no key is made.
        drop(Store::open(&data).unwrap());
        let files = || -> Vec<_> { std::fs::read_dir(&data).unwrap().flatten().map(|e| e.file_name()).collect() };
        let before = std::fs::read(data.join("edge.sqlite")).unwrap();
        look(&config);
        assert_eq!(std::fs::read(data.join("edge.sqlite")).unwrap(), before);
        assert!(!files().contains(&"device.key".into()), "{:?}", files());
    }

    #[test]
    fn a_clock_is_compared_with_the_build_and_with_the_bureau() {
        let now = trust::built_ms() + 1_000;
        assert_eq!(clock_fault(now, None), None);
        assert_eq!(clock_fault(now, Some(now + 60_000)), None);
        assert!(clock_fault(0, None).unwrap().contains("制作日期"));
        assert!(clock_fault(now, Some(now - 3_600_000)).unwrap().ends_with(" 3600"));
    }
}

//! `muster-edge doctor`: one line for each thing that must work, and what to do where it does not.

use std::fmt::Write;

use crate::camera::models::{ModelSet, opencv_version};
use crate::camera::profile::CameraProfile;
use crate::camera::{self, Capability};
use crate::clock::Clock;
use crate::config::Config;
use crate::reader::profile::ReaderProfile;
use crate::reader::{self, transport};
use crate::store::Store;
use crate::sync::{Client, SyncError};
use crate::{identity, text};

/// What was found.
#[derive(Debug, Default)]
pub struct Findings {
    /// One line each.
    pub lines: Vec<String>,
    /// Is there something to do?
    pub to_do: bool,
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
        let mut line = format!("{mark} {}", text::both(&format!("doctor.{what}")));
        if !name.is_empty() {
            let _ = write!(line, " {name}");
        }
        let _ = write!(line, ": {detail}");
        self.lines.push(line);
    }
}

/// Looks at everything. Does not disturb a running agent: the store is opened beside it, a port in use is told as such.
pub fn look(config: &Config) -> Findings {
    let mut found = Findings::default();
    let ok = || text::both("doctor.ok");
    let clock = Clock::new(config.utc_offset_hours).and_then(|c| c.stamp());
    found.say("clock", "", clock.map(|s| s.wall).map_err(|e| e.to_string()));
    let store = Store::open(&config.data_dir);
    found.say(
        "store",
        &config.data_dir.display().to_string(),
        store.as_ref().map(|_| ok()).map_err(ToString::to_string),
    );
    if let Ok(store) = store {
        me(config, store, &mut found);
    }
    for r in &config.reader {
        let probed = match ReaderProfile::find(&r.profile) {
            Ok(profile) => reader::probe(&r.path, &profile).map(|id| format!("{} {id}", ok())),
            Err(e) => Err(format!("{e:#}")),
        };
        found.say("reader", &format!("{} {}", r.name, r.path), probed);
    }
    let ports = transport::candidates();
    if config.reader.is_empty() {
        let hint = format!("no [[reader]] in the configuration; serial ports here: {}", ports.join(", "));
        found.say("reader", "", Err(hint));
    }
    let models = ModelSet::load(config.models_dir.as_deref(), opencv_version());
    let told = match &models {
        Ok(set) if set.capability() == Capability::Identity => {
            Ok(set.hashes().into_keys().collect::<Vec<_>>().join(", "))
        }
        Ok(set) if set.capability() == Capability::Presence => {
            Err("presence alone, not whose face it is: run models/install for identity".to_owned())
        }
        Ok(_) => Err("no face detector: install the package opencv-data, or run models/install".to_owned()),
        Err(e) => Err(format!("{e:#}")),
    };
    found.say("models", "", told);
    match &config.camera {
        Some(c) => {
            let profile = CameraProfile::find(&c.profile, c.source.as_deref()).map_err(|e| format!("{e:#}"));
            found.say("camera", &c.name, profile.and_then(|p| camera::probe(&p)));
        }
        None => {
            found.say("camera", "", Err("no [camera] in the configuration: check-ins are by card alone".to_owned()))
        }
    }
    found
}

fn me(config: &Config, mut store: Store, found: &mut Findings) {
    let key = match identity::key(store.dir()) {
        Ok(key) => key,
        Err(e) => return found.say("identity", "", Err(format!("{e:#}"))),
    };
    match identity::load(&store, &key) {
        Ok(Some(me)) => {
            found.say("identity", "", Ok(format!("{} @ {}", me.device, me.site)));
            let client = Client::new(&config.server, key);
            let answered = match client.round(&me, &mut store) {
                Ok(()) => Ok(config.server.clone()),
                Err(e @ SyncError::Offline(_)) => {
                    Err(format!("{e}: records stay here until it does; check the network and `server`"))
                }
                Err(e) => Err(e.to_string()),
            };
            found.say("server", "", answered);
        }
        Ok(None) => found.say(
            "identity",
            "",
            Err("ask the bureau for a code, then run `muster-edge enrol --code CODE`".to_owned()),
        ),
        Err(e) => found.say("identity", "", Err(format!("{e:#}"))),
    }
}

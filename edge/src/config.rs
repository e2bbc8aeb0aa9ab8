//! Configuration: `edge.toml`. Every key but the server's address has a default; an unknown key is refused.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use serde::Deserialize;

/// What can be configured.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Where the log, the key and the assignments are kept.
    #[serde(default = "data_dir")]
    pub data_dir: PathBuf,
    /// The bureau's address for devices, for example `https://muster.example.gov.cn`.
    pub server: String,
    /// Where the kiosk page is served: a loopback address.
    #[serde(default = "kiosk")]
    pub kiosk: SocketAddr,
    /// Offset of local time from UTC in hours.
    #[serde(default = "offset")]
    pub utc_offset_hours: i8,
    /// Card readers.
    #[serde(default)]
    pub reader: Vec<Reader>,
    /// The camera; without one the agent attests by card alone and says so.
    #[serde(default)]
    pub camera: Option<Camera>,
    /// Where the face models are.
    #[serde(default)]
    pub models_dir: Option<PathBuf>,
    /// How often the device seals while a session runs, in seconds.
    #[serde(default = "seal_every")]
    pub seal_every_s: u64,
    /// How often the device asks the bureau for news and sends what is unsent, in seconds.
    #[serde(default = "sync_every")]
    pub sync_every_s: u64,
    /// A file of PEM certificates to trust for the bureau's address, instead of the public ones.
    #[serde(default)]
    pub ca_file: Option<PathBuf>,
    /// `sm2-sm3` puts a second signature line in SM2 under all that the device signs, as the bureau's deployment has it.
    #[serde(default)]
    pub second_signature: Option<String>,
    /// While no session runs, the device lets the bureau hear of it at most this often, in seconds.
    #[serde(default = "contact_every")]
    pub contact_every_s: u64,
    /// The longest pause before something that the bureau refused is tried again, in seconds.
    #[serde(default = "retry_max")]
    pub retry_max_s: u64,
    /// The longest pause between two tries when the bureau does not answer, in seconds.
    #[serde(default = "back_off")]
    pub back_off_max_s: u64,
    /// How long before its first lesson a session opens, in seconds.
    #[serde(default = "open_before")]
    pub open_before_s: u64,
    /// How long after its last lesson it closes, in seconds.
    #[serde(default = "close_after")]
    pub close_after_s: u64,
    /// A second tap within this many seconds of a check-in is a repeat, not a check-out.
    #[serde(default = "min_stay")]
    pub min_stay_s: u64,
    /// How far back frames may be looked at for a card that was just read, in milliseconds.
    #[serde(default = "look_back")]
    pub look_back_ms: u64,
    /// How long to wait for a good face after a card, in milliseconds.
    #[serde(default = "look_wait")]
    pub look_wait_ms: u64,
}

/// One reader.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reader {
    /// Its name in records, for example `door`.
    pub name: String,
    /// The serial port, for example `/dev/serial/by-id/usb-...`.
    pub path: String,
    /// The id of a profile, or the path of a profile file.
    #[serde(default = "reader_profile")]
    pub profile: String,
}

/// The camera.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Camera {
    /// Its name in records.
    #[serde(default = "camera_name")]
    pub name: String,
    /// The id of a profile, or the path of a profile file.
    pub profile: String,
    /// Another source than the profile's: a device, an address or a file.
    #[serde(default)]
    pub source: Option<String>,
}

fn data_dir() -> PathBuf {
    PathBuf::from("/var/lib/muster-edge")
}
fn kiosk() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 8640))
}
fn offset() -> i8 {
    8
}
fn seal_every() -> u64 {
    60
}
fn sync_every() -> u64 {
    15
}
fn contact_every() -> u64 {
    3_600
}
fn retry_max() -> u64 {
    3_600
}
fn back_off() -> u64 {
    60
}
fn open_before() -> u64 {
    900
}
fn close_after() -> u64 {
    600
}
fn min_stay() -> u64 {
    60
}
fn look_back() -> u64 {
    2_000
}
fn look_wait() -> u64 {
    2_500
}
fn reader_profile() -> String {
    "sam-115200".to_owned()
}
fn camera_name() -> String {
    "camera".to_owned()
}

impl Config {
    /// Reads a file.
    ///
    /// # Errors
    /// When it cannot be read, has an unknown key or a wrong value, or would show the kiosk to a network.
    pub fn read(path: &Path) -> Result<Self> {
        let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
        Self::parse(&text).with_context(|| format!("{} is not a configuration", path.display()))
    }

    fn parse(text: &str) -> Result<Self> {
        let config: Self = toml::from_str(text)?;
        ensure!(
            config.kiosk.ip().is_loopback(),
            "kiosk = {}: only a loopback address, such as 127.0.0.1",
            config.kiosk
        );
        if let Some(name) = &config.second_signature {
            muster_seal::second::profile(name).with_context(|| format!("second_signature = {name:?}"))?;
        }
        let mut names: Vec<&str> = config.reader.iter().map(|r| r.name.as_str()).collect();
        names.sort_unstable();
        names.dedup();
        ensure!(names.len() == config.reader.len(), "two readers have one name");
        for name in names.iter().copied().chain(config.camera.iter().map(|c| c.name.as_str())) {
            ensure!(muster_seal::record::is_id(name), "{name:?} cannot be a name: letters, digits, hyphens, dots");
        }
        Ok(config)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_documented_example_is_a_configuration() {
        let config = Config::parse(include_str!("../../firmware-config/edge.example.toml")).unwrap();
        assert_eq!(config.reader.len(), 1);
    }

    #[test]
    fn what_is_not_known_or_not_safe_is_refused() {
        assert!(Config::parse("server = \"x\"\nseverr = 1").is_err());
        let open = Config::parse("server = \"x\"\nkiosk = \"0.0.0.0:80\"").unwrap_err();
        assert!(open.to_string().contains("loopback"));
        let other = Config::parse("server = \"x\"\nsecond_signature = \"sm3\"").unwrap_err();
        assert!(format!("{other:#}").contains("there is \"sm2-sm3\""), "{other:#}");
    }

    #[test]
    fn a_second_signature_is_asked_for_where_this_program_can_make_one() {
        let asked = Config::parse("server = \"x\"\nsecond_signature = \"sm2-sm3\"");
        match muster_seal::second::BUILT {
            true => assert!(asked.unwrap().second_signature.is_some()),
            false => assert!(format!("{:#}", asked.unwrap_err()).contains("built without SM2")),
        }
        assert!(Config::parse("server = \"x\"").unwrap().second_signature.is_none());
    }
}

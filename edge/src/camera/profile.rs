//! Camera profiles: where pictures come from and what is asked of them, as data in `firmware-config/cameras/`.

use std::path::Path;

use anyhow::{Context, Result, bail, ensure};
use serde::Deserialize;

use super::quality::Gate;

/// A profile.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CameraProfile {
    /// Its id, the file's name.
    pub id: String,
    /// What it is for, in Chinese.
    pub title_zh: String,
    /// What it is for, in English.
    pub title_en: String,
    /// `v4l2`, `url` or `file`.
    pub kind: Kind,
    /// A device (`/dev/video0`), an address (`rtsp://…`, `http://…`) or a file.
    #[serde(default)]
    pub source: String,
    /// Width to ask of a device, in pixels.
    #[serde(default = "width")]
    pub width: u32,
    /// Height to ask of a device, in pixels.
    #[serde(default = "height")]
    pub height: u32,
    /// How many frames a second are looked at.
    #[serde(default = "looks")]
    pub looks_per_s: u32,
    /// What a picture must be to be judged.
    #[serde(default)]
    pub gate: Gate,
}

/// Where pictures come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// A device of the kernel.
    V4l2,
    /// A network camera.
    Url,
    /// A recording, played at its own speed and from the beginning again.
    File,
}

fn width() -> u32 {
    640
}
fn height() -> u32 {
    480
}
fn looks() -> u32 {
    6
}

const SHIPPED: [(&str, &str); 4] = [
    ("uvc-webcam", include_str!("../../../firmware-config/cameras/uvc-webcam.toml")),
    ("rtsp", include_str!("../../../firmware-config/cameras/rtsp.toml")),
    ("http-mjpeg", include_str!("../../../firmware-config/cameras/http-mjpeg.toml")),
    ("video-file", include_str!("../../../firmware-config/cameras/video-file.toml")),
];

impl CameraProfile {
    /// A shipped profile by its id, or one from a file by its path; with another source where one is given.
    ///
    /// # Errors
    /// When there is none, it is not right, or it has no source.
    pub fn find(name: &str, source: Option<&str>) -> Result<Self> {
        let text = match SHIPPED.iter().find(|(id, _)| *id == name) {
            Some((_, text)) => (*text).to_owned(),
            None if Path::new(name).exists() => {
                std::fs::read_to_string(name).with_context(|| format!("cannot read {name}"))?
            }
            None => {
                let ids: Vec<&str> = SHIPPED.iter().map(|(id, _)| *id).collect();
                bail!("there is no camera profile {name}: use {} or the path of a file", ids.join(", "));
            }
        };
        let mut profile: Self = toml::from_str(&text).with_context(|| format!("{name} is not a camera profile"))?;
        if let Some(source) = source {
            profile.source = source.to_owned();
        }
        ensure!(!profile.source.is_empty(), "camera profile {name} needs a source: set `source` under [camera]");
        ensure!((1..=30).contains(&profile.looks_per_s), "looks_per_s = {}: 1 to 30", profile.looks_per_s);
        Ok(profile)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_shipped_profile_loads_under_its_own_name() {
        for (id, _) in SHIPPED {
            assert_eq!(CameraProfile::find(id, Some("x")).unwrap().id, id);
        }
        assert!(CameraProfile::find("rtsp", None).unwrap_err().to_string().contains("needs a source"));
    }
}

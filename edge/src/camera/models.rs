//! Which face models are there, and what they can tell. A file whose hash is not the manifest's is not used.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use muster_seal::merkle::sha256;
use serde::Deserialize;

use super::Capability;
use super::choose::Thresholds;

/// Where Debian's `opencv-data` puts the fallback detector.
const CASCADE: &str = "/usr/share/opencv4/haarcascades/haarcascade_frontalface_default.xml";

/// What a model is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Finds faces.
    Detector,
    /// Tells whose.
    Recogniser,
    /// Tells how live.
    Liveness,
}

/// A model of the manifest.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Model {
    /// Its id.
    pub id: String,
    /// What it is for.
    pub role: Role,
    /// The file's name.
    pub file: String,
    /// Its size.
    pub bytes: u64,
    /// Its hash, in hex.
    pub sha256: String,
    /// Its licence.
    pub licence: String,
    /// The official address; empty where there is none to fetch from.
    pub address: String,
    /// The first version of OpenCV it works with.
    pub opencv_from: [u32; 3],
    /// The first version it no longer works with.
    pub opencv_below: [u32; 3],
    /// Similarity from which on a face is the same, per mille.
    pub same: Option<i64>,
    /// Similarity below which it is another's, per mille.
    pub other: Option<i64>,
    /// How much of the surroundings a liveness model wants, in thousandths of the face's box.
    pub crop: Option<u32>,
}

#[derive(Debug, Deserialize)]
struct Manifest {
    model: Vec<Model>,
}

/// The models that are installed and right, and their files.
#[derive(Debug, Clone, Default)]
pub struct ModelSet {
    /// The detector.
    pub detector: Option<(Model, PathBuf)>,
    /// The recogniser.
    pub recogniser: Option<(Model, PathBuf)>,
    /// The liveness models; used together or not at all.
    pub liveness: Vec<(Model, PathBuf)>,
    /// The fallback detector and its hash.
    pub cascade: Option<(PathBuf, String)>,
    /// The recogniser's thresholds.
    pub thresholds: Thresholds,
}

impl ModelSet {
    /// Looks for the manifest's models in a folder, for a version of OpenCV.
    ///
    /// # Errors
    /// When a file is there and is not the manifest's: it may have been exchanged.
    pub fn load(folder: Option<&Path>, opencv: [u32; 3]) -> Result<Self> {
        let manifest: Manifest =
            toml::from_str(include_str!("../../../models/manifest.toml")).context("models/manifest.toml")?;
        let mut set = Self::default();
        let fits = |m: &Model| m.opencv_from <= opencv && opencv < m.opencv_below;
        for model in manifest.model.into_iter().filter(fits) {
            let Some(path) = folder.map(|f| f.join(&model.file)).filter(|p| p.exists()) else { continue };
            let bytes = std::fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
            if hex::encode(sha256(&bytes)) != model.sha256 {
                bail!("{} is not the file that models/manifest.toml names: run models/install", path.display());
            }
            match model.role {
                Role::Detector => set.detector = Some((model, path)),
                Role::Recogniser => {
                    let default = Thresholds::default();
                    set.thresholds = Thresholds {
                        same: model.same.unwrap_or(default.same),
                        other: model.other.unwrap_or(default.other),
                    };
                    set.recogniser = Some((model, path));
                }
                Role::Liveness => set.liveness.push((model, path)),
            }
        }
        if set.detector.is_none()
            && let Ok(bytes) = std::fs::read(CASCADE)
        {
            set.cascade = Some((PathBuf::from(CASCADE), hex::encode(sha256(&bytes))));
        }
        Ok(set)
    }

    /// What can be told with these.
    pub fn capability(&self) -> Capability {
        match (&self.detector, &self.recogniser, &self.cascade) {
            // Aligning a face needs the detector's landmarks.
            (Some(_), Some(_), _) => Capability::Identity,
            (Some(_), None, _) | (None, _, Some(_)) => Capability::Presence,
            (None, _, None) => Capability::None,
        }
    }

    /// Ids and hashes of what is in use.
    pub fn hashes(&self) -> BTreeMap<String, String> {
        let models = self.detector.iter().chain(&self.recogniser).chain(&self.liveness);
        let mut hashes: BTreeMap<_, _> = models.map(|(m, _)| (m.id.clone(), m.sha256.clone())).collect();
        if let Some((_, hash)) = &self.cascade {
            hashes.insert("haarcascade-frontalface-default".to_owned(), hash.clone());
        }
        hashes
    }
}

/// The version of OpenCV that this program runs with; zeros without one.
pub fn opencv_version() -> [u32; 3] {
    #[cfg(feature = "opencv")]
    {
        let part = |n: opencv::Result<i32>| n.ok().and_then(|n| u32::try_from(n).ok()).unwrap_or(0);
        use opencv::core::{get_version_major, get_version_minor, get_version_revision};
        [part(Ok(get_version_major())), part(Ok(get_version_minor())), part(Ok(get_version_revision()))]
    }
    #[cfg(not(feature = "opencv"))]
    [0; 3]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_detector_follows_opencvs_version_and_a_strange_file_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let set = ModelSet::load(Some(folder.path()), [4, 6, 0]).unwrap();
        assert!(set.detector.is_none() && set.recogniser.is_none());
        std::fs::write(folder.path().join("face_detection_yunet_2023mar.onnx"), b"no model").unwrap();
        // 4.6 does not look at the file for 4.8.
        ModelSet::load(Some(folder.path()), [4, 6, 0]).unwrap();
        let error = ModelSet::load(Some(folder.path()), [4, 8, 0]).unwrap_err();
        assert!(error.to_string().contains("models/install"), "{error}");
    }
}

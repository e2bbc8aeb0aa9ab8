//! The camera: whether a face was in front of it when a card was read, whose, how good the picture was, and how live.
//!
//! This file is the seam: it builds with and without OpenCV (cargo feature `opencv`). Frames are looked at all the time,
//! a few a second, and what was seen is kept for seconds, so that the answer to a tap is mostly there when the card is.
//! No picture leaves this module: only numbers, a hash, and for the length of a session an embedding in memory.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::mpsc::Sender;
use std::time::{Duration, Instant};

pub mod choose;
pub mod models;
pub mod profile;
pub mod quality;
pub mod watch;

#[cfg(feature = "opencv")]
mod capture;
#[cfg(feature = "opencv")]
mod face;

use choose::Glance;
use profile::CameraProfile;
use watch::Ring;

/// What happens to a camera.
#[derive(Debug)]
pub enum CameraEvent {
    /// It works, for the first time or again.
    Up {
        /// Which.
        camera: String,
    },
    /// It stopped working. Said once.
    Down {
        /// Which.
        camera: String,
        /// Why.
        reason: CameraFault,
    },
}

/// Why a camera does not work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CameraFault {
    /// No picture comes.
    Lost,
    /// The same picture comes again and again.
    Frozen,
    /// The picture is dark or has nothing in it.
    Covered,
    /// This program was built without a camera.
    Unsupported,
}

impl CameraFault {
    /// As records and the kiosk's catalogue name it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Lost => "lost",
            Self::Frozen => "frozen",
            Self::Covered => "covered",
            Self::Unsupported => "unsupported",
        }
    }
}

/// What the installed models can tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Capability {
    /// Nothing.
    None,
    /// That a face is there.
    Presence,
    /// Whose it is.
    Identity,
}

impl Capability {
    /// As the kiosk's catalogue names it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::None => "card",
            Self::Presence => "presence",
            Self::Identity => "identity",
        }
    }
}

/// Whom to look for.
#[derive(Clone, Default)]
pub struct Look {
    /// The template of the trainee whose card was read.
    pub own: Option<Vec<f32>>,
    /// The templates of the others on the roster, by opaque id.
    pub others: Vec<(String, Vec<f32>)>,
}

impl fmt::Debug for Look {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Look").field("own", &self.own.is_some()).field("others", &self.others.len()).finish()
    }
}

/// The verdict on what was in front of the camera.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum FaceOutcome {
    /// The trainee's face.
    Match,
    /// A face; there is no template, or no recogniser, to compare it with.
    Face,
    /// Near the trainee's, not near enough: look again.
    Again,
    /// Another's face.
    Mismatch,
    /// A face, in a picture too poor to judge.
    Poor(quality::Poor),
    /// Nobody.
    NoFace,
    /// No camera, or it does not work.
    #[default]
    NoCamera,
}

/// What was seen for one tap.
#[derive(Clone, Default)]
pub struct Sighting {
    /// How many frames were looked at.
    pub frames: u32,
    /// The verdict.
    pub outcome: FaceOutcome,
    /// Cosine similarity to the trainee's template, per mille.
    pub score: Option<i64>,
    /// The nearest other on the roster, and the similarity to that one.
    pub other: Option<(String, i64)>,
    /// Liveness, per mille.
    pub live: Option<i64>,
    /// Quality of the chosen frame, per mille.
    pub quality: i64,
    /// SHA-256 of the chosen frame's pixels.
    pub frame_sha256: Option<[u8; 32]>,
    /// Which detector.
    pub detector: &'static str,
    /// The embedding, for groups within the session; in memory only.
    pub embedding: Option<Vec<f32>>,
}

impl fmt::Debug for Sighting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sighting").field("outcome", &self.outcome).field("frames", &self.frames).finish_non_exhaustive()
    }
}

/// Cosine similarity of two embeddings, per mille; 0 when they are not of one length.
pub fn cosine(a: &[f32], b: &[f32]) -> i64 {
    if a.len() != b.len() {
        return 0;
    }
    let dot = |x: &[f32], y: &[f32]| x.iter().zip(y).map(|(x, y)| f64::from(*x) * f64::from(*y)).sum::<f64>();
    let norm = (dot(a, a) * dot(b, b)).sqrt();
    if norm > 0.0 { (dot(a, b) / norm * 1000.0).round() as i64 } else { 0 }
}

/// A running camera; its thread ends when this is dropped.
#[derive(Debug)]
pub struct CameraHandle {
    name: String,
    ring: std::sync::Arc<Ring>,
    models: models::ModelSet,
}

impl CameraHandle {
    /// Watches a camera until the handle is dropped. `out` gets each event made by `wrap`.
    pub fn spawn<T: Send + 'static>(
        name: String,
        profile: CameraProfile,
        models: models::ModelSet,
        out: Sender<T>,
        wrap: impl Fn(CameraEvent) -> T + Send + 'static,
    ) -> Self {
        let frozen_ms = if profile.kind == profile::Kind::Url { watch::FROZEN_URL_MS } else { watch::FROZEN_MS };
        let ring = std::sync::Arc::new(Ring::new(frozen_ms));
        let handle = Self { name: name.clone(), ring: ring.clone(), models: models.clone() };
        #[cfg(feature = "opencv")]
        capture::spawn(name, profile, models, ring, move |event| out.send(wrap(event)).is_ok());
        #[cfg(not(feature = "opencv"))]
        {
            let _ = models;
            ring.set_unsupported();
            let _ = out.send(wrap(CameraEvent::Down { camera: name, reason: CameraFault::Unsupported }));
        }
        handle
    }

    /// Looks whether frames still come: the camera's thread cannot tell while it waits for one.
    pub fn check(&self) -> Option<CameraEvent> {
        let camera = self.name.clone();
        match self.ring.see(None)? {
            Some(reason) => Some(CameraEvent::Down { camera, reason }),
            None => Some(CameraEvent::Up { camera }),
        }
    }

    /// The best of the frames of the last `back`, and if none of them will do, of those that come within `wait`.
    pub fn look(&self, look: &Look, back: Duration, wait: Duration) -> Sighting {
        let start = Instant::now();
        let since = start.checked_sub(back).unwrap_or(start);
        let mut seen = self.ring.since(since);
        loop {
            // Whatever was seen just before it broke, what a broken camera shows is nobody's face and nobody's absence.
            if self.ring.is_down() {
                return Sighting { detector: "none", frames: seen.len() as u32, ..Sighting::default() };
            }
            let sighting = choose::verdict(&seen, look, self.models.thresholds);
            let good = matches!(sighting.outcome, FaceOutcome::Match | FaceOutcome::Face);
            match wait.checked_sub(start.elapsed()) {
                Some(left) if !good => seen = self.ring.wait_since(since, seen.len(), left),
                _ => return sighting,
            }
        }
    }

    /// Model ids and the hashes of their files, for leaf 0.
    pub fn model_hashes(&self) -> BTreeMap<String, String> {
        self.models.hashes()
    }

    /// What the installed models can tell.
    pub fn capability(&self) -> Capability {
        if cfg!(feature = "opencv") { self.models.capability() } else { Capability::None }
    }
}

impl Drop for CameraHandle {
    fn drop(&mut self) {
        self.ring.stop();
    }
}

/// The embedding of the largest face in a picture, for enrolment.
///
/// # Errors
/// What is missing or wrong with the picture, for a person.
pub fn template_of_image(path: &std::path::Path, models: &models::ModelSet) -> anyhow::Result<Vec<f32>> {
    #[cfg(feature = "opencv")]
    return face::template_of_image(path, models);
    #[cfg(not(feature = "opencv"))]
    {
        let _ = (path, models);
        anyhow::bail!("this program was built without OpenCV")
    }
}

/// Opens a camera once, for `doctor`: the size of its pictures and how many came in a second.
///
/// # Errors
/// What is wrong, as `doctor`'s catalogue names it.
pub fn probe(profile: &CameraProfile) -> Result<String, &'static str> {
    #[cfg(feature = "opencv")]
    return capture::probe(profile);
    #[cfg(not(feature = "opencv"))]
    {
        let _ = profile;
        Err("camera-unsupported")
    }
}

/// What one frame showed; see [`choose`].
pub type Seen = Vec<Glance>;

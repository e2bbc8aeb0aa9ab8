//! The camera's thread: opens the source, decodes what comes, looks at some of it, opens again when it is lost.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use opencv::core::{self, Mat, MatTraitConst};
use opencv::videoio::{self, VideoCapture, VideoCaptureTrait, VideoCaptureTraitConst};

use super::choose::Glance;
use super::face::{Eyes, facts};
use super::models::ModelSet;
use super::profile::{CameraProfile, Kind};
use super::watch::Ring;
use super::{CameraEvent, CameraFault};

/// How long to wait before a source that did not open is tried again.
const REOPEN: Duration = Duration::from_secs(1);
/// How long FFmpeg may try to open a source, and to read a frame of it. Its own limits are half a minute.
const OPEN_TIMEOUT_MS: i32 = 5_000;
const READ_TIMEOUT_MS: i32 = 4_000;

/// Runs the camera's thread.
pub fn spawn(
    name: String,
    profile: CameraProfile,
    models: ModelSet,
    ring: Arc<Ring>,
    send: impl Fn(CameraEvent) -> bool + Send + 'static,
) {
    std::thread::spawn(move || {
        let tell = |state: Option<Option<CameraFault>>| match state {
            None => true,
            Some(None) => send(CameraEvent::Up { camera: name.clone() }),
            Some(Some(reason)) => send(CameraEvent::Down { camera: name.clone(), reason }),
        };
        let mut eyes = match Eyes::open(&models, profile.gate) {
            Ok(eyes) => eyes,
            Err(error) => {
                tracing::error!(error = format!("{error:#}"), "the face models cannot be loaded");
                ring.set_unsupported();
                tell(Some(Some(CameraFault::Unsupported)));
                return;
            }
        };
        while !ring.is_stopped() {
            if let Err(error) = play(&profile, &mut eyes, &ring, &mut |frame| tell(ring.see(frame))) {
                tracing::debug!(error = format!("{error:#}"), "the camera gives no picture");
            }
            if !tell(ring.see(None)) {
                return;
            }
            std::thread::sleep(REOPEN);
        }
    });
}

fn open(profile: &CameraProfile) -> Result<VideoCapture> {
    let source = &profile.source;
    let capture = match profile.kind {
        Kind::V4l2 => {
            let mut capture = VideoCapture::from_file(source, videoio::CAP_V4L2)?;
            capture.set(videoio::CAP_PROP_FRAME_WIDTH, f64::from(profile.width))?;
            capture.set(videoio::CAP_PROP_FRAME_HEIGHT, f64::from(profile.height))?;
            // Old frames are of no use to somebody who stands there now.
            capture.set(videoio::CAP_PROP_BUFFERSIZE, 1.0)?;
            capture
        }
        Kind::Url | Kind::File => {
            let limits = [
                (videoio::CAP_PROP_OPEN_TIMEOUT_MSEC, OPEN_TIMEOUT_MS),
                (videoio::CAP_PROP_READ_TIMEOUT_MSEC, READ_TIMEOUT_MS),
            ];
            let params = core::Vector::from_iter(limits.into_iter().flat_map(|(name, value)| [name, value]));
            VideoCapture::from_file_with_params(source, videoio::CAP_FFMPEG, &params)?
        }
    };
    if !capture.is_opened()? {
        bail!("the camera does not open");
    }
    Ok(capture)
}

/// Plays a source until it ends, fails, or the camera is stopped.
fn play(
    profile: &CameraProfile,
    eyes: &mut Eyes,
    ring: &Ring,
    see: &mut dyn FnMut(Option<super::watch::Frame>) -> bool,
) -> Result<()> {
    let mut capture = open(profile)?;
    let pace = match profile.kind {
        Kind::File => Some(Duration::from_secs_f64(1.0 / capture.get(videoio::CAP_PROP_FPS)?.clamp(1.0, 60.0))),
        Kind::V4l2 | Kind::Url => None,
    };
    let every = Duration::from_secs_f64(1.0 / f64::from(profile.looks_per_s));
    let (mut next_look, mut next_frame) = (Instant::now(), Instant::now());
    let mut frame = Mat::default();
    while !ring.is_stopped() {
        if let Some(pace) = pace {
            std::thread::sleep(next_frame.saturating_duration_since(Instant::now()));
            next_frame += pace;
        }
        if !capture.grab()? {
            bail!("no more frames");
        }
        let at = Instant::now();
        if at < next_look {
            continue;
        }
        next_look = at + every;
        if !capture.retrieve(&mut frame, 0)? || frame.empty() {
            bail!("a frame cannot be decoded");
        }
        let seen = facts(&frame).context("a frame")?;
        if !see(Some(seen)) {
            return Ok(());
        }
        // Somebody who holds a hand before the lens is nobody in front of it.
        let face = if ring.is_down() { None } else { eyes.look(&frame).context("a frame")? };
        ring.push(Glance { at, frame_sha256: seen.sha256, detector: eyes.name, face });
    }
    Ok(())
}

/// See [`super::probe`].
pub fn probe(profile: &CameraProfile) -> Result<String, &'static str> {
    if profile.kind == Kind::V4l2 {
        match std::fs::File::open(&profile.source) {
            Err(e) if e.kind() == std::io::ErrorKind::PermissionDenied => return Err("camera-permission"),
            Err(_) => return Err("camera-missing"),
            Ok(_) => {}
        }
    }
    let mut capture = open(profile).map_err(|_| "camera-closed")?;
    let (start, mut frames, mut frame) = (Instant::now(), 0, Mat::default());
    while start.elapsed() < Duration::from_secs(1) && capture.read(&mut frame).unwrap_or(false) {
        frames += 1;
    }
    match frames {
        0 => Err("camera-blind"),
        n => Ok(format!("{}x{}, {n} / {} ms", frame.cols(), frame.rows(), start.elapsed().as_millis())),
    }
}

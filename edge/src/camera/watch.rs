//! Is the picture lost, frozen or covered? And the ring of what the last frames showed.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex};
use std::time::{Duration, Instant};

use super::CameraFault;
use super::choose::Glance;

/// How long a state must hold before it is told, in milliseconds: one odd frame is no fault, and one good one no repair.
const HOLD_MS: u64 = 2_000;
/// No frame for so long and the picture is lost.
const LOST_MS: u64 = 3_000;
/// Sensor noise makes two equal frames impossible; a driver may repeat one now and then.
pub const FROZEN_MS: u64 = 4_000;
/// A network camera repeats pictures of a room in which nothing moves, and sends few when its line is thin.
pub const FROZEN_URL_MS: u64 = 15_000;
/// A covered lens gives a dark picture, or one with nothing in it: mean and standard deviation, 0 to 255.
const DARK_MEAN: f64 = 18.0;
const FLAT_DEVIATION: f64 = 5.0;

/// What is looked at in each frame.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Frame {
    /// SHA-256 of its pixels.
    pub sha256: [u8; 32],
    /// Mean brightness.
    pub mean: f64,
    /// Standard deviation of brightness.
    pub deviation: f64,
}

/// Watches frames. Time is milliseconds from any origin. Pure.
#[derive(Debug)]
pub struct Watch {
    frozen_ms: u64,
    last: Option<([u8; 32], u64)>,
    changed: u64,
    told: Option<Option<CameraFault>>,
    turning: Option<(Option<CameraFault>, u64)>,
}

impl Default for Watch {
    fn default() -> Self {
        Self::new(FROZEN_MS)
    }
}

impl Watch {
    /// A watch that calls a picture frozen after so long.
    pub fn new(frozen_ms: u64) -> Self {
        Self { frozen_ms, last: None, changed: 0, told: None, turning: None }
    }

    /// Takes a frame, or that none came; gives a new state once it has held for long enough. `None` inside is "works".
    pub fn see(&mut self, frame: Option<Frame>, now: u64) -> Option<Option<CameraFault>> {
        let mut moved = false;
        let state = match frame {
            Some(frame) => {
                moved = self.last.is_some_and(|(hash, _)| hash != frame.sha256);
                if moved || self.last.is_none() {
                    self.changed = now;
                }
                self.last = Some((frame.sha256, now));
                if frame.mean < DARK_MEAN || frame.deviation < FLAT_DEVIATION {
                    Some(CameraFault::Covered)
                } else if now >= self.changed + self.frozen_ms {
                    Some(CameraFault::Frozen)
                } else {
                    None
                }
            }
            None if now >= self.last.map_or(0, |(_, at)| at) + LOST_MS => Some(CameraFault::Lost),
            None => return None,
        };
        if self.told == Some(state) {
            self.turning = None;
            return None;
        }
        let since = match self.turning {
            Some((turning, since)) if turning == state => since,
            _ => now,
        };
        self.turning = Some((state, since));
        // The first state is told at once; later ones must hold. Lost and frozen took their time already, and a frozen
        // picture that moves is not frozen.
        let thawed = self.told == Some(Some(CameraFault::Frozen)) && state.is_none() && moved;
        let held = self.told.is_none()
            || thawed
            || matches!(state, Some(CameraFault::Lost | CameraFault::Frozen))
            || now >= since + HOLD_MS;
        held.then(|| {
            self.turning = None;
            self.told = Some(state);
            state
        })
    }
}

/// What the last frames showed, shared between the camera's thread and those who ask.
#[derive(Default)]
pub struct Ring {
    inner: Mutex<Inner>,
    more: Condvar,
}

#[derive(Default)]
struct Inner {
    glances: VecDeque<Glance>,
    watch: Watch,
    start: Option<Instant>,
    down: bool,
    // It can never work in this program: nothing more is to be told.
    never: bool,
    stopped: bool,
}

impl std::fmt::Debug for Ring {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Ring").finish_non_exhaustive()
    }
}

/// So many frames are kept: some seconds.
const KEPT: usize = 24;

impl Ring {
    fn lock(&self) -> std::sync::MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// Adds what a frame showed.
    pub fn push(&self, glance: Glance) {
        let mut inner = self.lock();
        if inner.glances.len() == KEPT {
            inner.glances.pop_front();
        }
        inner.glances.push_back(glance);
        self.more.notify_all();
    }

    /// The frames since then.
    pub fn since(&self, since: Instant) -> Vec<Glance> {
        self.lock().glances.iter().filter(|g| g.at >= since).cloned().collect()
    }

    /// The frames since then, once there are more than `known`, or the time is up.
    pub fn wait_since(&self, since: Instant, known: usize, wait: Duration) -> Vec<Glance> {
        let count = |inner: &Inner| inner.glances.iter().filter(|g| g.at >= since).count();
        let enough = |inner: &mut Inner| count(inner) <= known && !inner.down;
        let (inner, _) =
            self.more.wait_timeout_while(self.lock(), wait, enough).unwrap_or_else(std::sync::PoisonError::into_inner);
        inner.glances.iter().filter(|g| g.at >= since).cloned().collect()
    }

    /// A ring whose watch calls a picture frozen after so long.
    pub fn new(frozen_ms: u64) -> Self {
        let ring = Self::default();
        ring.lock().watch = Watch::new(frozen_ms);
        ring
    }

    /// Takes a frame, or that none came, and gives a new state to tell. Asked by the camera's thread for each frame, and
    /// by others from time to time, since that thread may be waiting for a frame that never comes.
    pub fn see(&self, frame: Option<Frame>) -> Option<Option<CameraFault>> {
        self.see_at(frame, Instant::now())
    }

    fn see_at(&self, frame: Option<Frame>, at: Instant) -> Option<Option<CameraFault>> {
        let mut inner = self.lock();
        if inner.never {
            return None;
        }
        let start = *inner.start.get_or_insert(at);
        let now = at.saturating_duration_since(start).as_millis() as u64;
        let state = inner.watch.see(frame, now)?;
        inner.down = state.is_some();
        self.more.notify_all();
        Some(state)
    }

    /// Notes that the camera can never work in this program.
    pub fn set_unsupported(&self) {
        let mut inner = self.lock();
        (inner.down, inner.never) = (true, true);
        self.more.notify_all();
    }

    /// Does it not work?
    pub fn is_down(&self) -> bool {
        self.lock().down
    }

    /// Tells the camera's thread to end.
    pub fn stop(&self) {
        self.lock().stopped = true;
    }

    /// Was it told to?
    pub fn is_stopped(&self) -> bool {
        self.lock().stopped
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(n: u8) -> Option<Frame> {
        Some(Frame { sha256: [n; 32], mean: 100.0, deviation: 40.0 })
    }

    #[test]
    fn one_odd_frame_is_no_fault() {
        let mut watch = Watch::default();
        assert_eq!(watch.see(frame(1), 0), Some(None));
        let dark = Frame { sha256: [9; 32], mean: 3.0, deviation: 1.0 };
        assert_eq!(watch.see(Some(dark), 200), None);
        assert_eq!(watch.see(frame(2), 400), None);
        assert_eq!(watch.see(Some(dark), 600), None);
        assert_eq!(watch.see(Some(Frame { sha256: [8; 32], ..dark }), 2_600), Some(Some(CameraFault::Covered)));
        assert_eq!(watch.see(frame(3), 2_800), None);
        assert_eq!(watch.see(frame(4), 4_800), Some(None));
    }

    #[test]
    fn a_network_camera_may_repeat_itself_for_longer_and_thaws_at_the_first_new_frame() {
        let mut watch = Watch::new(FROZEN_URL_MS);
        assert_eq!(watch.see(frame(1), 0), Some(None));
        assert_eq!((1..75).find_map(|n| watch.see(frame(1), n * 200)), None);
        assert_eq!(watch.see(frame(1), 15_000), Some(Some(CameraFault::Frozen)));
        assert_eq!(watch.see(frame(2), 15_200), Some(None));
    }

    #[test]
    fn a_camera_whose_thread_waits_for_ever_is_lost_all_the_same() {
        let (ring, start) = (Ring::new(4_000), Instant::now());
        let after = |ms| start + Duration::from_millis(ms);
        assert_eq!(ring.see_at(frame(1), start), Some(None));
        assert_eq!(ring.see_at(None, after(2_900)), None);
        assert!(!ring.is_down());
        assert_eq!(ring.see_at(None, after(3_000)), Some(Some(CameraFault::Lost)));
        assert!(ring.is_down());
        assert_eq!(ring.see_at(None, after(9_000)), None, "it was said");
        // Of one that this program cannot use, "lost" would be the wrong word.
        let ring = Ring::new(4_000);
        ring.set_unsupported();
        assert_eq!((ring.see_at(None, after(0)), ring.see_at(None, after(9_000))), (None, None));
        assert!(ring.is_down());
    }

    #[test]
    fn frozen_and_lost_are_told_once() {
        let mut watch = Watch::default();
        assert_eq!(watch.see(frame(1), 0), Some(None));
        let told: Vec<_> = (1..40).filter_map(|n| watch.see(frame(1), n * 200)).collect();
        assert_eq!(told, [Some(CameraFault::Frozen)]);
        let told: Vec<_> = (40..80).filter_map(|n| watch.see(None, n * 200)).collect();
        assert_eq!(told, [Some(CameraFault::Lost)]);
    }
}

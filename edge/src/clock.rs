//! The only clock of the agent: wall, boot id, boot time.

use std::time::Duration;

use jiff::Timestamp;
use jiff::tz::{Offset, TimeZone};
use muster_seal::record::Stamp;
use nix::time::{ClockId, clock_gettime};
use ring::rand::{SecureRandom, SystemRandom};
use thiserror::Error;

/// A step of the wall clock below this is drift or rounding, not worth a record. Milliseconds.
pub const STEP_MS: i64 = 2_000;

/// The clock cannot be read; nothing can be recorded without one.
#[derive(Debug, Error)]
pub enum ClockError {
    /// The kernel's boot id.
    #[error("cannot read /proc/sys/kernel/random/boot_id: {0}")]
    Boot(std::io::Error),
    /// `CLOCK_BOOTTIME`.
    #[error("cannot read CLOCK_BOOTTIME: {0}")]
    Uptime(nix::Error),
    /// The system's randomness.
    #[error("no random bytes to be had from the system")]
    Random,
}

/// `CLOCK_BOOTTIME` in milliseconds: it goes on while the machine sleeps, and nobody can set it.
///
/// # Errors
/// [`ClockError::Uptime`].
pub fn up_ms() -> Result<u64, ClockError> {
    let time: Duration = clock_gettime(ClockId::CLOCK_BOOTTIME).map_err(ClockError::Uptime)?.into();
    Ok(time.as_millis() as u64)
}

/// A clock in one time zone.
#[derive(Debug, Clone)]
pub struct Clock {
    zone: TimeZone,
    boot: String,
}

impl Clock {
    /// A clock with an offset from UTC in hours; China's is 8.
    ///
    /// # Errors
    /// [`ClockError::Boot`].
    pub fn new(offset_hours: i8) -> Result<Self, ClockError> {
        let boot = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").map_err(ClockError::Boot)?;
        let offset = Offset::from_hours(offset_hours).unwrap_or(Offset::UTC);
        Ok(Self { zone: TimeZone::fixed(offset), boot: boot.trim().replace('-', "") })
    }

    /// Milliseconds since 1970-01-01T00:00Z.
    pub fn wall_ms(&self) -> i64 {
        Timestamp::now().as_millisecond()
    }

    /// See [`up_ms`].
    ///
    /// # Errors
    /// [`ClockError::Uptime`].
    pub fn up_ms(&self) -> Result<u64, ClockError> {
        up_ms()
    }

    /// The day at a time, where this clock stands.
    pub fn day(&self, ms: i64) -> Option<jiff::civil::Date> {
        Some(Timestamp::from_millisecond(ms).ok()?.to_zoned_datetime(self.zone.clone()).date())
    }

    /// Now, with a fresh salt.
    ///
    /// # Errors
    /// [`ClockError`].
    pub fn stamp(&self) -> Result<Stamp, ClockError> {
        let mut salt = [0; 16];
        SystemRandom::new().fill(&mut salt).map_err(|_| ClockError::Random)?;
        let now = Timestamp::now().to_zoned_datetime(self.zone.clone());
        let wall = now.strftime("%Y-%m-%dT%H:%M:%S%.3f%:z").to_string();
        Ok(Stamp { wall, boot: self.boot.clone(), up_ms: self.up_ms()?, salt })
    }

    /// Wall minus boot time, in milliseconds: it changes only when somebody sets the wall clock.
    ///
    /// # Errors
    /// [`ClockError::Uptime`].
    pub fn offset_ms(&self) -> Result<i64, ClockError> {
        Ok(self.wall_ms() - self.up_ms()? as i64)
    }
}

//! Is a face in a picture good enough to judge? Pure, over numbers.

use serde::Deserialize;

/// The gate's limits.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Gate {
    /// The least width of a face, in pixels.
    pub min_face_px: f64,
    /// The least variance of the Laplacian over the face: below it the picture is blurred.
    pub min_sharpness: f64,
    /// The darkest and brightest mean of the face, 0 to 255.
    pub brightness: (f64, f64),
    /// How far the nose may be off the middle of the eyes, in eye distances: a turned head.
    pub max_turn: f64,
}

impl Default for Gate {
    fn default() -> Self {
        Self { min_face_px: 64.0, min_sharpness: 12.0, brightness: (40.0, 225.0), max_turn: 0.45 }
    }
}

/// What was measured on a face.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Measured {
    /// Width in pixels.
    pub width: f64,
    /// Variance of the Laplacian.
    pub sharpness: f64,
    /// Mean brightness, 0 to 255.
    pub brightness: f64,
    /// How far the nose is off the middle of the eyes, in eye distances; `None` without landmarks.
    pub turn: Option<f64>,
}

/// Why a picture is too poor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Poor {
    /// Too far away.
    Small,
    /// Moved, or out of focus.
    Blurred,
    /// Too dark.
    Dark,
    /// Too bright.
    Bright,
    /// Turned away.
    Turned,
}

impl Gate {
    /// How good, per mille, or why not good enough.
    ///
    /// # Errors
    /// [`Poor`], the first that holds.
    pub fn judge(&self, m: &Measured) -> Result<i64, Poor> {
        if m.width < self.min_face_px {
            return Err(Poor::Small);
        }
        if m.brightness < self.brightness.0 {
            return Err(Poor::Dark);
        }
        if m.brightness > self.brightness.1 {
            return Err(Poor::Bright);
        }
        if m.sharpness < self.min_sharpness {
            return Err(Poor::Blurred);
        }
        if m.turn.is_some_and(|turn| turn > self.max_turn) {
            return Err(Poor::Turned);
        }
        // Half for size and sharpness up to four times the limit, half for looking straight.
        let up_to_four = |value: f64, limit: f64| (value / (4.0 * limit)).min(1.0);
        let straight = 1.0 - m.turn.unwrap_or(0.0) / self.max_turn;
        let good = 0.25 * up_to_four(m.width, self.min_face_px)
            + 0.25 * up_to_four(m.sharpness, self.min_sharpness)
            + 0.5 * straight;
        Ok((good * 1000.0).round() as i64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_the_first_thing_wrong() {
        let gate = Gate::default();
        let good = Measured { width: 200.0, sharpness: 100.0, brightness: 120.0, turn: Some(0.05) };
        assert!(gate.judge(&good).unwrap() > 700);
        assert_eq!(gate.judge(&Measured { width: 63.0, ..good }), Err(Poor::Small));
        assert_eq!(gate.judge(&Measured { brightness: 20.0, ..good }), Err(Poor::Dark));
        assert_eq!(gate.judge(&Measured { brightness: 250.0, ..good }), Err(Poor::Bright));
        assert_eq!(gate.judge(&Measured { sharpness: 3.0, ..good }), Err(Poor::Blurred));
        assert_eq!(gate.judge(&Measured { turn: Some(0.6), ..good }), Err(Poor::Turned));
    }
}

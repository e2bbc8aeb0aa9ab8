//! How strongly one check-in binds a person: the level, from what was seen.

use muster_seal::record::Face;

/// The level that a card and the camera's verdict on it give, and nothing else about it.
///
/// 1: a card on the roster. 2: and one face in front of the camera. 3: and that face matches the enrolled template.
/// 4: and the liveness detector passed (`live` of at least `live_permille`).
/// A face that is somebody else's binds the card alone.
pub fn level(face: Option<&Face>, live_permille: i64) -> u64 {
    match face {
        Some(face) => match face.outcome.as_str() {
            "match" if face.live.is_some_and(|live| live >= live_permille) => 4,
            "match" => 3,
            "face" | "again" => 2,
            _ => 1,
        },
        None => 1,
    }
}

/// What the liveness detector must say for level 4, per mille. Measured on three samples only: live 998, fakes 6 and 140.
pub const LIVE_PERMILLE: i64 = 800;

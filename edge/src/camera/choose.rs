//! The best of several frames, and the verdict. Pure.

use std::time::Instant;

use super::quality::Poor;
use super::{FaceOutcome, Look, Sighting, cosine};

/// What one frame showed.
#[derive(Clone)]
pub struct Glance {
    /// When it came.
    pub at: Instant,
    /// SHA-256 of its pixels.
    pub frame_sha256: [u8; 32],
    /// Which detector looked.
    pub detector: &'static str,
    /// The largest face, if there was one.
    pub face: Option<SeenFace>,
}

/// A face in a frame.
#[derive(Clone)]
pub struct SeenFace {
    /// How good the picture is, or why not good enough.
    pub quality: Result<i64, Poor>,
    /// The embedding, where there is a recogniser and the picture is good enough.
    pub embedding: Option<Vec<f32>>,
    /// Liveness, per mille, where there is a detector for it.
    pub live: Option<i64>,
}

/// From which similarity on a face is the trainee's, and below which it is another's; per mille. Between: look again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Thresholds {
    /// The same.
    pub same: i64,
    /// Another.
    pub other: i64,
}

impl Default for Thresholds {
    /// As measured with the recogniser of the manifest; see `models/README.md`.
    fn default() -> Self {
        Self { same: 400, other: 300 }
    }
}

/// The verdict on some frames.
pub fn verdict(glances: &[Glance], look: &Look, thresholds: Thresholds) -> Sighting {
    let frames = glances.len() as u32;
    let detector = glances.last().map_or("none", |g| g.detector);
    let one = |g| -> Option<_> {
        let g: &Glance = g;
        let face = g.face.as_ref()?;
        let score = look.own.as_deref().zip(face.embedding.as_deref()).map(|(own, seen)| cosine(own, seen));
        let outcome = match (face.quality, score) {
            (Err(poor), _) => FaceOutcome::Poor(poor),
            (Ok(_), None) => FaceOutcome::Face,
            (Ok(_), Some(score)) if score >= thresholds.same => FaceOutcome::Match,
            (Ok(_), Some(score)) if score >= thresholds.other => FaceOutcome::Again,
            (Ok(_), Some(_)) => FaceOutcome::Mismatch,
        };
        // The best frame for the trainee: what was judged before what was not, then the score, then the quality.
        let quality = face.quality.unwrap_or(0);
        Some(((face.quality.is_ok(), score.unwrap_or(0), quality), outcome, score, quality, g, face))
    };
    let Some((_, outcome, score, quality, glance, face)) = glances.iter().filter_map(one).max_by_key(|found| found.0)
    else {
        let frame_sha256 = glances.last().map(|g| g.frame_sha256);
        // No frame is no evidence that nobody stood there.
        let outcome = if frames == 0 { FaceOutcome::NoCamera } else { FaceOutcome::NoFace };
        return Sighting { frames, outcome, frame_sha256, detector, ..Sighting::default() };
    };
    let seen = face.embedding.as_deref();
    let others = look.others.iter().filter_map(|(id, template)| Some((id.clone(), cosine(template, seen?))));
    Sighting {
        frames,
        outcome,
        score,
        other: others.max_by_key(|(_, score)| *score),
        live: face.live,
        quality,
        frame_sha256: Some(glance.frame_sha256),
        detector: glance.detector,
        embedding: face.embedding.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A face's quality, and what the recogniser made of it.
    type Drawn = (Result<i64, Poor>, Option<[f32; 2]>);

    fn glance(face: Option<Drawn>) -> Glance {
        let face = face.map(|(quality, e)| SeenFace { quality, embedding: e.map(|e| e.to_vec()), live: None });
        Glance { at: Instant::now(), frame_sha256: [1; 32], detector: "test", face }
    }

    #[test]
    fn takes_the_best_frame_and_not_the_first() {
        let look = Look { own: Some(vec![1.0, 0.0]), others: vec![("t2".into(), vec![0.0, 1.0])] };
        let verdict = |glances: &[Glance]| verdict(glances, &look, Thresholds::default());
        let frames = [
            glance(None),
            glance(Some((Err(Poor::Blurred), None))),
            glance(Some((Ok(500), Some([0.1, 1.0])))),
            glance(Some((Ok(300), Some([1.0, 0.1])))),
        ];
        let seen = verdict(&frames);
        assert_eq!((seen.outcome, seen.frames, seen.score), (FaceOutcome::Match, 4, Some(995)));
        assert_eq!(seen.other, Some(("t2".to_owned(), 100)));
        assert_eq!(verdict(&frames[..3]).outcome, FaceOutcome::Mismatch);
        assert_eq!(verdict(&frames[..2]).outcome, FaceOutcome::Poor(Poor::Blurred));
        assert_eq!(verdict(&frames[..1]).outcome, FaceOutcome::NoFace);
        assert_eq!(verdict(&[glance(Some((Ok(500), Some([0.35, 1.0]))))]).outcome, FaceOutcome::Again);
        assert_eq!(verdict(&[]).outcome, FaceOutcome::NoCamera);
        // Without a recogniser a face is a face, and no more.
        assert_eq!(verdict(&[glance(Some((Ok(500), None)))]).outcome, FaceOutcome::Face);
    }
}

//! What the kiosk says of a tap, and the advice that fits what the camera saw. Pure.

use crate::camera::quality::Poor;
use crate::camera::{FaceOutcome, Sighting};

/// What the kiosk says of a tap: a key of the catalogue, and how it looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// Checked in.
    In,
    /// Checked out.
    Out,
    /// Is here already.
    Already,
    /// The card was read; look at the camera.
    Look,
    /// Recorded with less assurance than the policy asks for: nobody was before the camera.
    LookAgain,
    /// The same: the face was too far away.
    Closer,
    /// Too dark.
    TooDark,
    /// Too bright.
    TooBright,
    /// The picture was blurred.
    HoldStill,
    /// The head was turned away.
    FaceFront,
    /// Another's face.
    NotSame,
    /// The camera does not work.
    CameraDown,
    /// There is no camera here.
    CardOnly,
    /// A face was seen and the policy asks for more.
    Weak,
    /// Declined the face: the instructor's card now.
    AskInstructor,
    /// Attested by card and instructor.
    ByInstructor,
    /// The instructor came.
    InstructorIn,
    /// The instructor went.
    InstructorOut,
    /// The instructor's card is asked for, to end the session before its time.
    AskClose,
    /// The instructor's card is asked for, to enter somebody by hand.
    AskManual,
    /// The instructor chooses whom.
    Choose,
    /// Entered by hand as come.
    ManualIn,
    /// Entered by hand as gone.
    ManualOut,
    /// The instructor's card came too late: nothing was recorded.
    TooLate,
    /// Not on the roster.
    Stranger,
    /// Not on this roster, and on that of another class that is held at this site now.
    OtherClass,
    /// The card could not be read: put it down again.
    Unreadable,
    /// Not an identity card.
    NotACard,
    /// There is no session now.
    NoSession,
    /// It could not be written: the check-in does not count.
    NotSaved,
    /// Nothing may be recorded on this disk any more.
    Stale,
}

impl Outcome {
    /// Does it stay on the screen until it is answered?
    pub fn waits(self) -> bool {
        matches!(self, Self::Look | Self::AskInstructor | Self::AskClose | Self::AskManual | Self::Choose)
    }
}

/// What to do for a check-in that is not sure enough; `None` is a site without a camera.
pub fn advice(seen: Option<&Sighting>) -> Outcome {
    match seen.map(|seen| seen.outcome) {
        None => Outcome::CardOnly,
        Some(FaceOutcome::NoCamera) => Outcome::CameraDown,
        Some(FaceOutcome::NoFace | FaceOutcome::Again) => Outcome::LookAgain,
        Some(FaceOutcome::Mismatch) => Outcome::NotSame,
        Some(FaceOutcome::Face | FaceOutcome::Match) => Outcome::Weak,
        Some(FaceOutcome::Poor(poor)) => match poor {
            Poor::Small => Outcome::Closer,
            Poor::Blurred => Outcome::HoldStill,
            Poor::Dark => Outcome::TooDark,
            Poor::Bright => Outcome::TooBright,
            Poor::Turned => Outcome::FaceFront,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn advice_fits_what_was_seen() {
        let advise = |outcome| advice(Some(&Sighting { outcome, ..Sighting::default() }));
        assert_eq!(advice(None), Outcome::CardOnly);
        assert_eq!(advise(FaceOutcome::NoCamera), Outcome::CameraDown);
        assert_eq!(advise(FaceOutcome::NoFace), Outcome::LookAgain);
        assert_eq!(advise(FaceOutcome::Mismatch), Outcome::NotSame);
        assert_eq!(advise(FaceOutcome::Poor(Poor::Small)), Outcome::Closer);
        assert_eq!(advise(FaceOutcome::Poor(Poor::Dark)), Outcome::TooDark);
    }
}

//! What a device is told to hold: sessions, and who the people on their rosters are, as far as a kiosk must know.
//!
//! The document that leaf 0 names by hash holds opaque ids alone. What identifies a person (a keyed hash of the card's
//! number, a shortened name, a template) travels beside it and never enters a log.

use ring::hmac;
use serde::{Deserialize, Serialize};

/// All that a device should know now.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Assignments {
    /// Sessions that may be held here, soonest first.
    pub sessions: Vec<Assigned>,
    /// The newest central checkpoint that a quorum stands for, a signed note.
    pub beacon: String,
    /// The last counter of this device that the bureau holds a final seal or a contact of; 0 before the first. A device
    /// that knows less was restored from an old copy and must not go on.
    #[serde(default)]
    pub counter: u64,
}

/// One session.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Assigned {
    /// The exact bytes of a [`muster_hours::schedule::Assignment`]; their SHA-256 goes into leaf 0.
    pub document: String,
    /// The class's name, for people to read.
    pub title: String,
    /// The key, in hex, of this class's keyed hashes.
    pub card_key: String,
    /// The people on the roster.
    pub people: Vec<Person>,
}

/// One person on a roster. `Debug` shows the opaque id alone.
#[derive(Clone, Serialize, Deserialize, PartialEq)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Person {
    /// The opaque id, of a trainee or an instructor.
    pub id: String,
    /// Is this an instructor?
    pub instructor: bool,
    /// [`card_hash`] of the number on the card.
    pub card: String,
    /// The name, shortened, as the kiosk shows it.
    pub shown: String,
    /// The enrolled face template, where the person gave one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub template: Option<Template>,
    /// Has this person declined the face?
    #[serde(default)]
    pub declined: bool,
}

impl std::fmt::Debug for Person {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Person").field("id", &self.id).field("instructor", &self.instructor).finish_non_exhaustive()
    }
}

/// A face template. `Debug` shows the model alone.
#[derive(Clone, Serialize, Deserialize, PartialEq)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Template {
    /// SHA-256, in hex, of the recogniser's file that made it; scores across models mean nothing.
    pub model: String,
    /// The embedding.
    pub values: Vec<f32>,
}

impl std::fmt::Debug for Template {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Template").field("model", &self.model).finish_non_exhaustive()
    }
}

/// HMAC-SHA256, in hex, of a card's number under the class's key: how a kiosk knows a card without holding its number.
pub fn card_hash(key: &[u8], number: &str) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, key);
    hex::encode(hmac::sign(&key, number.to_ascii_uppercase().as_bytes()))
}

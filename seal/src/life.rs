//! A device's life by the central log: enrolled, its key rotated, revoked or replaced. Which key signs which counter, and
//! up to which counter the device counts at all. By counters and log indices, never by a clock.
//!
//! ```text
//! enrol -> rotate* -> [ revoke | replace (as the old one) ]
//! ```

use base64::{Engine, engine::general_purpose::STANDARD};
use thiserror::Error;

use crate::central::Leaf;
use crate::key::PublicKey;
use crate::second::{self, Point};

/// A device's life, read from its leaves by [`Life::read`] alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Life {
    /// Which device.
    pub device: String,
    /// At which site.
    pub site: String,
    /// Of which institution.
    pub institution: String,
    /// Index of its enrolment in the central log.
    pub enrolled: u64,
    /// Which device it took the place of, where it did.
    pub replaces: Option<String>,
    keys: Vec<Tenure>,
    end: Option<End>,
}

/// A key and the first counter that it signs.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Tenure {
    from: u64,
    key: PublicKey,
    second: Option<Point>,
}

/// How a device ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct End {
    /// The last counter that counts.
    pub counter: u64,
    /// Index of the leaf that says so.
    pub index: u64,
    /// Was it replaced by another, rather than revoked?
    pub replaced: bool,
    /// Index of the first leaf that ended it, where a later one brought the end forward: this or `index`.
    pub first: u64,
}

/// Leaves that make no life, or a counter outside one.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum LifeError {
    /// No leaf enrols the device.
    #[error("no leaf of the central log enrols the device")]
    NotEnrolled,
    /// A device is enrolled once.
    #[error("leaf #{index} enrols the device a second time")]
    Twice {
        /// Which leaf.
        index: u64,
    },
    /// Leaves come in the central log's order.
    #[error("leaf #{index} is out of order")]
    Order {
        /// Which leaf.
        index: u64,
    },
    /// A leaf about something else.
    #[error("leaf #{index} is not about the life of device {device}")]
    Foreign {
        /// Which leaf.
        index: u64,
        /// Which device is asked about.
        device: String,
    },
    /// A key that is none.
    #[error("leaf #{index} holds no Ed25519 key")]
    Key {
        /// Which leaf.
        index: u64,
    },
    /// An SM2 key that is none.
    #[error("leaf #{index} holds no SM2 key")]
    Second {
        /// Which leaf.
        index: u64,
    },
    /// Once a device has an SM2 key, each rotation gives another that both sign for.
    #[error("leaf #{index}: the rotation's SM2 key does not follow the one before it")]
    SecondOrder {
        /// Which leaf.
        index: u64,
    },
    /// A rotation is signed by the key before and by the new one.
    #[error("leaf #{index}: the rotation is not signed by the {by} key")]
    Rotation {
        /// Which leaf.
        index: u64,
        /// `old` or `new`.
        by: &'static str,
    },
    /// A rotation gives the new key counters that the one before it never reached.
    #[error("leaf #{index}: the rotation goes back before the one before it")]
    Backwards {
        /// Which leaf.
        index: u64,
    },
    /// Nothing follows the end, but an end at an earlier counter.
    #[error("leaf #{index} comes after the device had ended")]
    AfterEnd {
        /// Which leaf.
        index: u64,
    },
    /// The counter is above the last that counts.
    #[error("the device was {how} after session {last} (leaf #{index}): session {counter} does not count")]
    Ended {
        /// `revoked` or `replaced`.
        how: &'static str,
        /// The last counter that counts.
        last: u64,
        /// The leaf that says so.
        index: u64,
        /// The counter asked about.
        counter: u64,
    },
}

impl Life {
    /// Reads a device's life from its leaves, each with its index in the central log, in that order.
    ///
    /// # Errors
    /// [`LifeError`], the first that holds.
    pub fn read<'a>(device: &str, leaves: impl IntoIterator<Item = (u64, &'a Leaf)>) -> Result<Self, LifeError> {
        let mut life: Option<Self> = None;
        let mut last = None;
        for (index, leaf) in leaves {
            if last.is_some_and(|last| index <= last) {
                return Err(LifeError::Order { index });
            }
            last = Some(index);
            match (&mut life, leaf) {
                (None, Leaf::Enrol(e)) if e.device == device => {
                    let key = PublicKey::from_base64(&e.key).map_err(|_| LifeError::Key { index })?;
                    let second = e.sm2.as_deref().map(Point::from_base64).transpose();
                    let second = second.map_err(|_| LifeError::Second { index })?;
                    life = Some(Self {
                        device: device.to_owned(),
                        site: e.site.clone(),
                        institution: e.institution.clone(),
                        enrolled: index,
                        replaces: None,
                        keys: vec![Tenure { from: 1, key, second }],
                        end: None,
                    });
                }
                (None, _) => return Err(LifeError::NotEnrolled),
                (Some(life), leaf) => life.take(index, leaf)?,
            }
        }
        life.ok_or(LifeError::NotEnrolled)
    }

    fn take(&mut self, index: u64, leaf: &Leaf) -> Result<(), LifeError> {
        match leaf {
            Leaf::Enrol(e) if e.device == self.device => Err(LifeError::Twice { index }),
            Leaf::Rotate(r) if r.device == self.device => {
                if self.end.is_some() {
                    return Err(LifeError::AfterEnd { index });
                }
                let key = PublicKey::from_base64(&r.key).map_err(|_| LifeError::Key { index })?;
                let message = r.message();
                let signed = |key: &PublicKey, signature: &str| {
                    STANDARD.decode(signature).is_ok_and(|signature| key.verify(&message, &signature))
                };
                if !self.keys.last().is_some_and(|tenure| signed(&tenure.key, &r.by_old)) {
                    return Err(LifeError::Rotation { index, by: "old" });
                }
                if !signed(&key, &r.by_new) {
                    return Err(LifeError::Rotation { index, by: "new" });
                }
                if self.keys.last().is_some_and(|tenure| r.counter + 1 < tenure.from) {
                    return Err(LifeError::Backwards { index });
                }
                let before = self.keys.last().and_then(|tenure| tenure.second);
                let second = second::follow(before, r.sm2.as_ref()).ok_or(LifeError::SecondOrder { index })?;
                self.keys.push(Tenure { from: r.counter + 1, key, second });
                Ok(())
            }
            Leaf::Revoke(r) if r.device == self.device => self.end_at(r.counter, index, false),
            Leaf::Replace(r) if r.old == self.device => self.end_at(r.counter, index, true),
            Leaf::Replace(r) if r.device == self.device && self.replaces.is_none() => {
                self.replaces = Some(r.old.clone());
                Ok(())
            }
            _ => Err(LifeError::Foreign { index, device: self.device.clone() }),
        }
    }

    /// A later leaf may end a device earlier, never later: an end is not taken back.
    fn end_at(&mut self, counter: u64, index: u64, replaced: bool) -> Result<(), LifeError> {
        match self.end {
            Some(end) if counter >= end.counter => Err(LifeError::AfterEnd { index }),
            before => {
                let first = before.map_or(index, |end| end.first);
                self.end = Some(End { counter, index, replaced, first });
                Ok(())
            }
        }
    }

    /// How it ended, if it did.
    pub fn end(&self) -> Option<End> {
        self.end
    }

    /// The key that signs from now on.
    pub fn key(&self) -> PublicKey {
        match self.keys.last() {
            Some(tenure) => tenure.key,
            None => unreachable!("`read` makes no life without a key"),
        }
    }

    /// The key that signs what has this counter.
    ///
    /// # Errors
    /// [`LifeError::Ended`] above the last counter that counts.
    pub fn key_at(&self, counter: u64) -> Result<PublicKey, LifeError> {
        match self.end {
            Some(end) if counter > end.counter => Err(LifeError::Ended {
                how: if end.replaced { "replaced" } else { "revoked" },
                last: end.counter,
                index: end.index,
                counter,
            }),
            _ => Ok(self.signer(counter)),
        }
    }

    /// The key that signed what has this counter, whether or not it still counts.
    pub fn signer(&self, counter: u64) -> PublicKey {
        self.tenure(counter).map_or_else(|| self.key(), |tenure| tenure.key)
    }

    /// The SM2 key that signs what has this counter beside [`Life::signer`]; `None` where the device had none.
    pub fn second(&self, counter: u64) -> Option<Point> {
        self.tenure(counter).or(self.keys.last()).and_then(|tenure| tenure.second)
    }

    fn tenure(&self, counter: u64) -> Option<&Tenure> {
        self.keys.iter().rev().find(|tenure| tenure.from <= counter)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::central::{EnrolLeaf, ReplaceLeaf, RevokeLeaf, RotateLeaf, rotate_message};
    use crate::key::{DeviceKey, Signer};

    fn enrol(device: &str, key: &DeviceKey) -> Leaf {
        Leaf::Enrol(EnrolLeaf {
            device: device.into(),
            key: key.public().to_base64(),
            site: "s1".into(),
            institution: "i1".into(),
            sm2: None,
            at: String::new(),
        })
    }

    fn rotate(counter: u64, old: &DeviceKey, new: &DeviceKey) -> Leaf {
        let key = new.public().to_base64();
        let message = rotate_message("d1", counter, &key);
        let sign = |key: &DeviceKey| STANDARD.encode(key.sign(&message));
        let (by_old, by_new) = (sign(old), sign(new));
        Leaf::Rotate(RotateLeaf { device: "d1".into(), counter, key, by_old, by_new, sm2: None, at: String::new() })
    }

    fn revoke(counter: u64) -> Leaf {
        Leaf::Revoke(RevokeLeaf { device: "d1".into(), counter, reason: "lost".into(), at: String::new() })
    }

    fn read(leaves: &[Leaf]) -> Result<Life, LifeError> {
        Life::read("d1", leaves.iter().enumerate().map(|(i, leaf)| (i as u64 * 10, leaf)))
    }

    #[test]
    fn keys_follow_each_other_by_counter_and_nothing_counts_past_the_end() {
        let (a, b) = (DeviceKey::from_seed([1; 32]), DeviceKey::from_seed([2; 32]));
        let life = read(&[enrol("d1", &a), rotate(4, &a, &b), revoke(9), revoke(7)]).unwrap();
        let key = |counter| life.key_at(counter);
        assert_eq!((key(1), key(4)), (Ok(a.public()), Ok(a.public())));
        assert_eq!((key(5), key(7)), (Ok(b.public()), Ok(b.public())));
        assert_eq!(key(8), Err(LifeError::Ended { how: "revoked", last: 7, index: 30, counter: 8 }));
        let replaced = Leaf::Replace(ReplaceLeaf {
            device: "d2".into(),
            old: "d1".into(),
            counter: 3,
            reason: "disk".into(),
            at: String::new(),
        });
        let life = read(&[enrol("d1", &a), replaced.clone()]).unwrap();
        assert!(life.key_at(4).unwrap_err().to_string().contains("replaced after session 3"));
        let heir = Life::read("d2", [(1, &enrol("d2", &b)), (2, &replaced)]).unwrap();
        assert_eq!((heir.replaces.as_deref(), heir.end()), (Some("d1"), None));
    }

    #[test]
    fn leaves_that_make_no_life_are_named() {
        let (a, b) = (DeviceKey::from_seed([1; 32]), DeviceKey::from_seed([2; 32]));
        assert_eq!(read(&[]), Err(LifeError::NotEnrolled));
        assert_eq!(read(&[revoke(1)]), Err(LifeError::NotEnrolled));
        assert_eq!(read(&[enrol("d1", &a), enrol("d1", &a)]), Err(LifeError::Twice { index: 10 }));
        assert_eq!(read(&[enrol("d1", &a), rotate(1, &b, &b)]), Err(LifeError::Rotation { index: 10, by: "old" }));
        let mut stolen = rotate(1, &a, &b);
        if let Leaf::Rotate(r) = &mut stolen {
            r.by_new = r.by_old.clone();
        }
        assert_eq!(read(&[enrol("d1", &a), stolen]), Err(LifeError::Rotation { index: 10, by: "new" }));
        assert_eq!(
            read(&[enrol("d1", &a), rotate(5, &a, &b), rotate(3, &b, &a)]),
            Err(LifeError::Backwards { index: 20 })
        );
        assert_eq!(read(&[enrol("d1", &a), revoke(2), revoke(5)]), Err(LifeError::AfterEnd { index: 20 }));
        let foreign = enrol("d2", &b);
        assert!(matches!(read(&[enrol("d1", &a), foreign]), Err(LifeError::Foreign { index: 10, .. })));
        let two = [enrol("d1", &a), revoke(2)];
        assert_eq!(Life::read("d1", two.iter().map(|leaf| (7, leaf))), Err(LifeError::Order { index: 7 }));
    }
}

//! The kinds of record, their fields and units. One record is one line of a session log.
//!
//! Nothing here identifies a person outside the roster: `trainee` and `instructor` are the roster's opaque ids, and a
//! stranger is nothing but the fact. Scores are per mille, so that a line holds no floats.

use std::borrow::Cow;
use std::collections::BTreeMap;

use crate::error::LineError;
use crate::line::{Fields, Value};
use crate::time::record_ms;

/// The version of the record format that `open` names.
pub const FORMAT: u64 = 1;

/// When and where in its boot a record was made, and its salt.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Stamp {
    /// The wall clock: a time that exists in the form of [`crate::time`], `2026-03-02T08:00:00.000+08:00`.
    pub wall: String,
    /// The kernel's boot id: 32 lower-case hex digits.
    pub boot: String,
    /// `CLOCK_BOOTTIME` in milliseconds.
    pub up_ms: u64,
    /// 128 random bits, so that a proof of one record does not give its neighbours away.
    pub salt: [u8; 16],
}

/// One record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// Its place in the log, from 0.
    pub seq: u64,
    /// When.
    pub stamp: Stamp,
    /// What.
    pub body: Body,
}

/// What a record says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Body {
    /// The first leaf: who opened what, with which policy and devices, knowing which central log.
    Open(Box<Open>),
    /// A card on the roster was read.
    Card(Card),
    /// The camera's verdict for one card.
    Face(Face),
    /// A trainee came, went or answered: the record that presence is made of.
    Present(Present),
    /// A spot check was called, met or missed.
    Spot(Spot),
    /// An instructor came or went.
    Instructor(Instructor),
    /// An instructor overrode the machine.
    Manual(Manual),
    /// A card that is not on the roster was read.
    Stranger(Stranger),
    /// The wall clock stepped against boot time.
    Clock(Clock),
    /// A device was lost or came back.
    Fault(Fault),
    /// The agent started again inside the session.
    Restart(Restart),
    /// The last leaf.
    Close(Close),
}

/// The first leaf.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Open {
    /// Which device.
    pub device: String,
    /// [`crate::key::PublicKey::id`] of its key.
    pub key: String,
    /// The device's session counter, from 1, never used twice.
    pub counter: u64,
    /// SHA-256, in hex, of the device's seal before (the whole signed note); empty at counter 1.
    pub prev: String,
    /// Which site.
    pub site: String,
    /// Which class.
    pub class: String,
    /// Which session of the class, by the schedule.
    pub session: String,
    /// SHA-256, in hex, of the assignment (roster, schedule, policy) in force, as the server sent it.
    pub assignment: String,
    /// The agent's version.
    pub agent: String,
    /// The counting policy's version.
    pub policy: String,
    /// Face models by id, with the SHA-256 of each file in hex.
    pub models: BTreeMap<String, String>,
    /// Reader profiles by reader name.
    pub readers: BTreeMap<String, String>,
    /// The camera's profile; empty without a camera.
    pub camera: String,
    /// The newest central checkpoint that the device holds, whole; empty when it never held one.
    pub beacon: String,
}

/// A card on the roster was read.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Card {
    /// Which reader.
    pub reader: String,
    /// Whose card, by the roster.
    pub trainee: String,
    /// The card's layout: `resident`, `foreigner-2017`, `foreigner-2023`, `hmt`.
    pub layout: String,
}

/// The camera's verdict for one card.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Face {
    /// `seq` of the card record.
    pub tap: u64,
    /// Whose card it was.
    pub trainee: String,
    /// `match`, `face` (one is there, not compared), `again`, `mismatch`, `poor`, `none`, `no-camera`, `declined`.
    pub outcome: String,
    /// Which detector.
    pub detector: String,
    /// How many frames were looked at.
    pub frames: u64,
    /// Quality of the chosen frame, per mille.
    pub quality: u64,
    /// SHA-256 of the chosen frame in hex; empty without one.
    pub frame: String,
    /// Cosine similarity to the trainee's template, per mille.
    pub score: Option<i64>,
    /// Who on the roster, other than the trainee, is nearest; empty when nobody was compared.
    pub other: String,
    /// Cosine similarity to that other's template, per mille.
    pub other_score: Option<i64>,
    /// The liveness detector's score, per mille.
    pub live: Option<i64>,
    /// "The same face as before": a number within this session only.
    pub group: Option<u64>,
}

/// What a `present` record says of the trainee.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Way {
    /// Checked in.
    In,
    /// Checked out.
    Out,
    /// Answered a spot check.
    Spot,
}

impl Way {
    /// `in`, `out` or `spot`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::In => "in",
            Self::Out => "out",
            Self::Spot => "spot",
        }
    }
}

/// A trainee came, went or answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Present {
    /// Who.
    pub trainee: String,
    /// In, out or spot.
    pub way: Way,
    /// Assurance, 1 to 4; a manual entry (0) is a `manual` record.
    pub level: u64,
    /// `seq` of the card record.
    pub tap: u64,
    /// `seq` of the face record, where there is one.
    pub face: Option<u64>,
}

/// A spot check.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Spot {
    /// Which call, from 1 in the session.
    pub call: u64,
    /// `call`, `met` or `missed`.
    pub phase: String,
    /// Whom it was for.
    pub trainee: String,
}

/// An instructor came or went.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Instructor {
    /// Who, by the roster.
    pub instructor: String,
    /// In or out; never spot.
    pub way: Way,
    /// `card` or `pin`.
    pub by: String,
}

/// An instructor overrode the machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Manual {
    /// For whom.
    pub trainee: String,
    /// In or out; never spot.
    pub way: Way,
    /// Which instructor.
    pub by: String,
    /// `no-chip`, `unreadable`, `declined`, `reader-down`, `other`.
    pub reason: String,
    /// Assurance: 0, or 1 when a card was read and the face was declined (card and PIN).
    pub level: u64,
}

/// A card that is not on the roster was read.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Stranger {
    /// Which reader.
    pub reader: String,
}

/// The wall clock stepped against boot time.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Clock {
    /// How far, in milliseconds; positive when the wall clock went forward.
    pub step_ms: i64,
}

/// A device was lost or came back.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Fault {
    /// `reader`, `camera`, `power` or `network`.
    pub part: String,
    /// Which one, by its name in the configuration.
    pub name: String,
    /// `down` or `up`.
    pub state: String,
    /// Why: `lost`, `silent`, `covered`, `frozen`, `unsupported`, `back` and so on.
    pub reason: String,
}

/// The agent started again inside the session.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Restart {
    /// The agent's version now.
    pub agent: String,
}

/// The last leaf.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Close {
    /// `schedule`, `operator` or `recovered`.
    pub reason: String,
    /// How many records of each kind came before.
    pub kinds: BTreeMap<String, u64>,
    /// How many cards, strangers among them, each reader read.
    pub readers: BTreeMap<String, u64>,
    /// How many manual entries had each reason.
    pub reasons: BTreeMap<String, u64>,
}

impl Body {
    /// The value of the `kind` field.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Open(_) => "open",
            Self::Card(_) => "card",
            Self::Face(_) => "face",
            Self::Present(_) => "present",
            Self::Spot(_) => "spot",
            Self::Instructor(_) => "instructor",
            Self::Manual(_) => "manual",
            Self::Stranger(_) => "stranger",
            Self::Clock(_) => "clock",
            Self::Fault(_) => "fault",
            Self::Restart(_) => "restart",
            Self::Close(_) => "close",
        }
    }

    fn write<'a>(&'a self, out: &mut Writer<'a>) {
        match self {
            Self::Open(o) => {
                out.int("v", FORMAT).text("device", &o.device).text("key", &o.key).int("counter", o.counter);
                out.text("prev", &o.prev).text("site", &o.site).text("class", &o.class).text("session", &o.session);
                out.text("assignment", &o.assignment).text("agent", &o.agent).text("policy", &o.policy);
                out.texts("models", &o.models).texts("readers", &o.readers).text("camera", &o.camera);
                out.text("beacon", &o.beacon);
            }
            Self::Card(c) => {
                out.text("reader", &c.reader).text("trainee", &c.trainee).text("layout", &c.layout);
            }
            Self::Face(f) => {
                out.int("tap", f.tap).text("trainee", &f.trainee).text("outcome", &f.outcome);
                out.text("detector", &f.detector).int("frames", f.frames).int("quality", f.quality);
                out.text("frame", &f.frame).signed("score", f.score).text("other", &f.other);
                out.signed("other_score", f.other_score).signed("live", f.live);
                out.signed("group", f.group.map(|n| n as i64));
            }
            Self::Present(p) => {
                out.text("trainee", &p.trainee).text("way", p.way.as_str()).int("level", p.level).int("tap", p.tap);
                out.signed("face", p.face.map(|n| n as i64));
            }
            Self::Spot(s) => {
                out.int("call", s.call).text("phase", &s.phase).text("trainee", &s.trainee);
            }
            Self::Instructor(i) => {
                out.text("instructor", &i.instructor).text("way", i.way.as_str()).text("by", &i.by);
            }
            Self::Manual(m) => {
                out.text("trainee", &m.trainee).text("way", m.way.as_str()).text("by", &m.by);
                out.text("reason", &m.reason).int("level", m.level);
            }
            Self::Stranger(s) => {
                out.text("reader", &s.reader);
            }
            Self::Clock(c) => {
                out.signed("step_ms", Some(c.step_ms));
            }
            Self::Fault(f) => {
                out.text("part", &f.part).text("name", &f.name).text("state", &f.state).text("reason", &f.reason);
            }
            Self::Restart(r) => {
                out.text("agent", &r.agent);
            }
            Self::Close(c) => {
                out.text("reason", &c.reason).ints("kinds", &c.kinds).ints("readers", &c.readers);
                out.ints("reasons", &c.reasons);
            }
        }
    }

    fn read(kind: &str, f: &mut Taker<'_>) -> Result<Self, LineError> {
        Ok(match kind {
            "open" => {
                if f.int("v")? != FORMAT {
                    return Err(LineError::BadField { field: "v", want: "1, the format this version reads" });
                }
                Self::Open(Box::new(Open {
                    device: f.id("device")?,
                    key: f.hex("key", 64)?,
                    counter: f.at_least("counter", 1)?,
                    prev: f.hex_or_empty("prev", 64)?,
                    site: f.id("site")?,
                    class: f.id("class")?,
                    session: f.id("session")?,
                    assignment: f.hex_or_empty("assignment", 64)?,
                    agent: f.text("agent")?,
                    policy: f.text("policy")?,
                    models: f.texts("models")?,
                    readers: f.texts("readers")?,
                    camera: f.text("camera")?,
                    beacon: f.text("beacon")?,
                }))
            }
            "card" => Self::Card(Card { reader: f.id("reader")?, trainee: f.id("trainee")?, layout: f.id("layout")? }),
            "face" => Self::Face(Face {
                tap: f.int("tap")?,
                trainee: f.id("trainee")?,
                outcome: f.one_of(
                    "outcome",
                    &["match", "face", "again", "mismatch", "poor", "none", "no-camera", "declined"],
                    "match, face, again, mismatch, poor, none, no-camera or declined",
                )?,
                detector: f.text("detector")?,
                frames: f.int("frames")?,
                quality: f.int("quality")?,
                frame: f.hex_or_empty("frame", 64)?,
                score: f.signed("score")?,
                other: f.text("other")?,
                other_score: f.signed("other_score")?,
                live: f.signed("live")?,
                group: f.optional("group")?,
            }),
            "present" => Self::Present(Present {
                trainee: f.id("trainee")?,
                way: f.way(true)?,
                level: match f.int("level")? {
                    level @ 1..=4 => level,
                    _ => return Err(LineError::BadField { field: "level", want: "1 to 4" }),
                },
                tap: f.int("tap")?,
                face: f.optional("face")?,
            }),
            "spot" => Self::Spot(Spot {
                call: f.at_least("call", 1)?,
                phase: f.one_of("phase", &["call", "met", "missed"], "call, met or missed")?,
                trainee: f.id("trainee")?,
            }),
            "instructor" => Self::Instructor(Instructor {
                instructor: f.id("instructor")?,
                way: f.way(false)?,
                by: f.one_of("by", &["card", "pin"], "card or pin")?,
            }),
            "manual" => Self::Manual(Manual {
                trainee: f.id("trainee")?,
                way: f.way(false)?,
                by: f.id("by")?,
                reason: f.id("reason")?,
                level: match f.int("level")? {
                    level @ 0..=1 => level,
                    _ => return Err(LineError::BadField { field: "level", want: "0 or 1" }),
                },
            }),
            "stranger" => Self::Stranger(Stranger { reader: f.id("reader")? }),
            "clock" => Self::Clock(Clock {
                step_ms: f.signed("step_ms")?.ok_or(LineError::MissingField { field: "step_ms" })?,
            }),
            "fault" => Self::Fault(Fault {
                part: f.one_of(
                    "part",
                    &["reader", "camera", "power", "network"],
                    "reader, camera, power or network",
                )?,
                name: f.id("name")?,
                state: f.one_of("state", &["down", "up"], "down or up")?,
                reason: f.id("reason")?,
            }),
            "restart" => Self::Restart(Restart { agent: f.text("agent")? }),
            "close" => Self::Close(Close {
                reason: f.one_of(
                    "reason",
                    &["schedule", "operator", "recovered"],
                    "schedule, operator or recovered",
                )?,
                kinds: f.ints("kinds")?,
                readers: f.ints("readers")?,
                reasons: f.ints("reasons")?,
            }),
            other => return Err(LineError::UnknownKind { kind: other.to_owned() }),
        })
    }
}

impl Record {
    /// The record's line, without a newline.
    pub fn line(&self) -> Vec<u8> {
        let salt = hex::encode(self.stamp.salt);
        let mut out = Writer::default();
        out.int("seq", self.seq).text("kind", self.body.kind()).text("wall", &self.stamp.wall);
        out.text("boot", &self.stamp.boot).int("up_ms", self.stamp.up_ms).text("salt", &salt);
        self.body.write(&mut out);
        crate::line::write(&out.0)
    }

    /// Parses a line. What comes back writes the same bytes again.
    ///
    /// # Errors
    /// [`LineError`]: the form, or a field that is missing, unknown or outside its range.
    pub fn parse(line: &[u8]) -> Result<Self, LineError> {
        let mut fields = Taker(crate::line::parse(line)?);
        let kind = fields.words("kind")?;
        let seq = fields.int("seq")?;
        let wall = fields.text("wall")?;
        if record_ms(&wall).is_none() {
            let want = "a time that exists, with milliseconds and an offset, as 2026-03-02T08:00:00.000+08:00";
            return Err(LineError::BadField { field: "wall", want });
        }
        let boot = fields.hex("boot", 32)?;
        let up_ms = fields.int("up_ms")?;
        let mut salt = [0; 16];
        hex::decode_to_slice(fields.hex("salt", 32)?, &mut salt)
            .map_err(|_| LineError::BadField { field: "salt", want: "32 lower-case hex digits" })?;
        let body = Body::read(&kind, &mut fields)?;
        if let Some(field) = fields.0.into_keys().next() {
            return Err(LineError::UnknownField { kind: kind.into_owned(), field });
        }
        Ok(Self { seq, stamp: Stamp { wall, boot, up_ms, salt }, body })
    }
}

/// May this be an opaque id of a device, site, class, session, trainee or reader?
/// 1 to 64 of `a-z A-Z 0-9 - _ .`, so that it can stand in an origin, a path and a file name.
pub fn is_id(text: &str) -> bool {
    (1..=64).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'))
        && !text.starts_with('.')
}

/// Collects fields for a line; shared with the central log's leaves.
#[derive(Default)]
pub(crate) struct Writer<'a>(pub(crate) Fields<'a>);

impl<'a> Writer<'a> {
    pub(crate) fn text(&mut self, key: &'static str, value: &'a str) -> &mut Self {
        self.0.insert(key, Value::Text(value.into()));
        self
    }

    pub(crate) fn int(&mut self, key: &'static str, value: u64) -> &mut Self {
        self.0.insert(key, Value::Int(value as i64));
        self
    }

    fn signed(&mut self, key: &'static str, value: Option<i64>) -> &mut Self {
        if let Some(value) = value {
            self.0.insert(key, Value::Int(value));
        }
        self
    }

    fn texts(&mut self, key: &'static str, map: &'a BTreeMap<String, String>) -> &mut Self {
        let mut fields = Fields::default();
        map.iter().for_each(|(k, v)| fields.insert(k, Value::Text(v.into())));
        self.0.insert(key, Value::Object(fields));
        self
    }

    fn ints(&mut self, key: &'static str, map: &'a BTreeMap<String, u64>) -> &mut Self {
        let mut fields = Fields::default();
        map.iter().for_each(|(k, v)| fields.insert(k, Value::Int(*v as i64)));
        self.0.insert(key, Value::Object(fields));
        self
    }
}

/// Takes fields out of a line, so that what is left at the end is what should not be there.
pub(crate) struct Taker<'a>(pub(crate) Fields<'a>);

impl<'a> Taker<'a> {
    fn take(&mut self, field: &'static str) -> Result<Value<'a>, LineError> {
        self.0.remove(field).ok_or(LineError::MissingField { field })
    }

    /// A text that is looked at and not kept.
    fn words(&mut self, field: &'static str) -> Result<Cow<'a, str>, LineError> {
        match self.take(field)? {
            Value::Text(text) => Ok(text),
            _ => Err(LineError::BadField { field, want: "text" }),
        }
    }

    pub(crate) fn text(&mut self, field: &'static str) -> Result<String, LineError> {
        self.words(field).map(Cow::into_owned)
    }

    pub(crate) fn text_if_there(&mut self, field: &'static str) -> Result<Option<String>, LineError> {
        match self.0.remove(field) {
            None => Ok(None),
            Some(Value::Text(text)) => Ok(Some(text.into_owned())),
            Some(_) => Err(LineError::BadField { field, want: "text" }),
        }
    }

    pub(crate) fn id(&mut self, field: &'static str) -> Result<String, LineError> {
        let want = "an id: 1 to 64 letters, digits, hyphens, underscores or dots";
        let text = self.words(field)?;
        if is_id(&text) { Ok(text.into_owned()) } else { Err(LineError::BadField { field, want }) }
    }

    pub(crate) fn one_of(
        &mut self,
        field: &'static str,
        all: &[&str],
        want: &'static str,
    ) -> Result<String, LineError> {
        let text = self.words(field)?;
        if all.contains(&&*text) { Ok(text.into_owned()) } else { Err(LineError::BadField { field, want }) }
    }

    pub(crate) fn hex(&mut self, field: &'static str, digits: usize) -> Result<String, LineError> {
        let text = self.hex_or_empty(field, digits)?;
        if text.is_empty() { Err(LineError::BadField { field, want: "hex digits" }) } else { Ok(text) }
    }

    pub(crate) fn hex_or_empty(&mut self, field: &'static str, digits: usize) -> Result<String, LineError> {
        let text = self.text(field)?;
        let good =
            text.is_empty() || (text.len() == digits && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')));
        if good {
            Ok(text)
        } else {
            Err(LineError::BadField { field, want: "lower-case hex digits of the right number" })
        }
    }

    pub(crate) fn signed(&mut self, field: &'static str) -> Result<Option<i64>, LineError> {
        match self.0.remove(field) {
            None => Ok(None),
            Some(Value::Int(n)) => Ok(Some(n)),
            Some(_) => Err(LineError::BadField { field, want: "a whole number" }),
        }
    }

    pub(crate) fn optional(&mut self, field: &'static str) -> Result<Option<u64>, LineError> {
        let want = "a whole number of 0 or more";
        self.signed(field)?.map(|n| u64::try_from(n).map_err(|_| LineError::BadField { field, want })).transpose()
    }

    pub(crate) fn int(&mut self, field: &'static str) -> Result<u64, LineError> {
        self.optional(field)?.ok_or(LineError::MissingField { field })
    }

    pub(crate) fn at_least(&mut self, field: &'static str, least: u64) -> Result<u64, LineError> {
        let n = self.int(field)?;
        if n >= least { Ok(n) } else { Err(LineError::BadField { field, want: "1 or more" }) }
    }

    fn way(&mut self, spot: bool) -> Result<Way, LineError> {
        let field = "way";
        match &*self.words(field)? {
            "in" => Ok(Way::In),
            "out" => Ok(Way::Out),
            "spot" if spot => Ok(Way::Spot),
            _ if spot => Err(LineError::BadField { field, want: "in, out or spot" }),
            _ => Err(LineError::BadField { field, want: "in or out" }),
        }
    }

    fn object(&mut self, field: &'static str) -> Result<Fields<'a>, LineError> {
        match self.take(field)? {
            Value::Object(fields) => Ok(fields),
            _ => Err(LineError::BadField { field, want: "an object" }),
        }
    }

    fn texts(&mut self, field: &'static str) -> Result<BTreeMap<String, String>, LineError> {
        let read = |(k, v)| match v {
            Value::Text(text) => Ok((Cow::into_owned(k), text.into_owned())),
            _ => Err(LineError::BadField { field, want: "an object of texts" }),
        };
        self.object(field)?.into_iter().map(read).collect()
    }

    fn ints(&mut self, field: &'static str) -> Result<BTreeMap<String, u64>, LineError> {
        let read = |(k, v)| match v {
            Value::Int(n) if n >= 0 => Ok((Cow::into_owned(k), n as u64)),
            _ => Err(LineError::BadField { field, want: "an object of whole numbers" }),
        };
        self.object(field)?.into_iter().map(read).collect()
    }
}

//! What can be asked of a SAM module and what its status byte means.
//!
//! GA/T 467-2019, chapter 7. Two kinds of command are absent on purpose: those that change the module's line rate
//! (`60 xx`), because a reader left at another rate is a reader nobody finds again, and vendors' extensions.

use std::fmt;

use super::frame;

/// A request that any SAM module answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Command {
    /// `10 FF` restart the module (复位).
    Reset,
    /// `11 FF` is the module well (状态检测).
    Status,
    /// `12 FF` the module's number (管理信息).
    SamId,
    /// `20 01` look for a card (寻卡).
    Find,
    /// `20 02` select the card found (选卡).
    Select,
    /// `30 01` read text and photo (读固定信息).
    Read,
    /// `30 10` read text, photo and fingerprint.
    ReadWithFingerprint,
    /// `30 03` read the latest appended address (追加住址).
    ReadAppendedAddress,
    /// `30 05` read the number of the card's body (卡体管理号).
    ReadBodyNumber,
}

impl Command {
    /// Every command.
    pub const ALL: [Self; 9] = [
        Self::Reset,
        Self::Status,
        Self::SamId,
        Self::Find,
        Self::Select,
        Self::Read,
        Self::ReadWithFingerprint,
        Self::ReadAppendedAddress,
        Self::ReadBodyNumber,
    ];

    /// `CMD` and `PARA`.
    pub fn code(self) -> [u8; 2] {
        match self {
            Self::Reset => [0x10, 0xFF],
            Self::Status => [0x11, 0xFF],
            Self::SamId => [0x12, 0xFF],
            Self::Find => [0x20, 0x01],
            Self::Select => [0x20, 0x02],
            Self::Read => [0x30, 0x01],
            Self::ReadWithFingerprint => [0x30, 0x10],
            Self::ReadAppendedAddress => [0x30, 0x03],
            Self::ReadBodyNumber => [0x30, 0x05],
        }
    }

    /// The whole request frame.
    pub fn encode(self) -> Vec<u8> {
        let [cmd, para] = self.code();
        frame::encode(cmd, para, &[])
    }

    /// Size of the longest answer in bytes, preamble included: what the wire needs time for.
    pub fn longest_answer(self) -> usize {
        match self {
            Self::Reset | Self::Status => 11,
            Self::SamId => 27,
            Self::Find => 15,
            Self::Select => 19,
            Self::Read => 1295,
            Self::ReadWithFingerprint => 2321,
            Self::ReadAppendedAddress => 81,
            Self::ReadBodyNumber => 39,
        }
    }

    /// Whether an answer can belong to this command, by status and size alone.
    ///
    /// A slow module may answer a command that was already given up on. Sizes are compared loosely, because readers
    /// in the field are known to lose a filler byte.
    pub fn can_be_answered_by(self, sw3: Sw3, data_len: usize) -> bool {
        match sw3 {
            Sw3::CardFound => self == Self::Find,
            Sw3::NoCard => !matches!(self, Self::Reset | Self::Status | Self::SamId),
            Sw3::Success => match self {
                Self::Find => false,
                Self::Reset | Self::Status => data_len == 0,
                Self::SamId => data_len == 16,
                Self::Select => data_len < 16,
                Self::Read | Self::ReadWithFingerprint => data_len > 128,
                Self::ReadAppendedAddress | Self::ReadBodyNumber => (16..=128).contains(&data_len),
            },
            _ => true,
        }
    }
}

macro_rules! status {
    ($($(#[$doc:meta])* $name:ident = $code:literal => $remedy:ident,)*) => {
        /// The module's status byte.
        ///
        /// Codes 01 to 09 that host libraries print never travel on the wire and have no name here.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Sw3 {
            $($(#[$doc])* $name,)*
            /// A code that no table lists.
            Unknown(u8),
        }

        impl From<u8> for Sw3 {
            fn from(code: u8) -> Self {
                match code { $($code => Self::$name,)* other => Self::Unknown(other) }
            }
        }

        impl Sw3 {
            /// The byte on the wire.
            pub fn code(self) -> u8 {
                match self { $(Self::$name => $code,)* Self::Unknown(code) => code }
            }

            /// What the agent does about it.
            pub fn remedy(self) -> Remedy {
                match self { $(Self::$name => Remedy::$remedy,)* Self::Unknown(_) => Remedy::RetryThenReset }
            }
        }
    };
}

status! {
    /// The command succeeded.
    Success = 0x90 => Proceed,
    /// A card was found.
    CardFound = 0x9F => Proceed,
    /// This item has no content on the card; normal for the appended address.
    NoContent = 0x91 => Proceed,
    /// The module received a bad checksum.
    RequestChecksum = 0x10 => ResendOnce,
    /// The module received a bad length.
    RequestLength = 0x11 => ResendOnce,
    /// Bad command, or a bad value in it.
    BadCommand = 0x21 => DoNotRetry,
    /// Operation not permitted.
    NotPermitted = 0x23 => DoNotRetry,
    /// The module itself does not know what went wrong.
    Unrecognised = 0x24 => RetryThenReset,
    /// The card did not accept the module.
    CardAuth = 0x31 => LiftAndPlace,
    /// The module did not accept the card.
    SamAuth = 0x32 => LiftAndPlace,
    /// The information on the card failed verification.
    Verification = 0x33 => LiftAndPlace,
    /// The fingerprint failed verification.
    Fingerprint = 0x37 => LiftAndPlace,
    /// The information has a wrong length.
    InfoLength = 0x3F => LiftAndPlace,
    /// Not an identity card.
    CardType = 0x40 => NotACard,
    /// Reading failed: the card moved, or was read already.
    ReadFailed = 0x41 => LiftAndPlace,
    /// The card gave no random number.
    Random = 0x47 => RetryFromFind,
    /// The module failed its self-test and takes no commands.
    SelfTest = 0x60 => DeviceFault,
    /// The module is not authorised.
    NotAuthorised = 0x66 => DeviceFault,
    /// No card.
    NoCard = 0x80 => Idle,
    /// Selecting the card failed.
    SelectFailed = 0x81 => RetryFromFind,
}

impl fmt::Display for Sw3 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:02X}", self.code())
    }
}

/// What a status asks of the agent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Remedy {
    /// Go on.
    Proceed,
    /// Send the same command again, once.
    ResendOnce,
    /// Our mistake or something the module cannot do; the same again would give the same.
    DoNotRetry,
    /// Begin again at find; if that does not help, reset the module.
    RetryThenReset,
    /// Begin again at find.
    RetryFromFind,
    /// The card has to be lifted and placed again.
    LiftAndPlace,
    /// What lies on the reader is no identity card.
    NotACard,
    /// The reader is broken; tell somebody.
    DeviceFault,
    /// Nothing there, nothing wrong.
    Idle,
}

/// The number of a SAM module: 16 bytes, of which two u16 and three u32, all little-endian.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct SamId([u8; 16]);

impl SamId {
    /// From the data of the answer to [`Command::SamId`]; `None` unless it is 16 bytes long.
    pub fn from_answer(data: &[u8]) -> Option<Self> {
        data.try_into().ok().map(Self)
    }

    /// The device's identity: the raw bytes in hex. The printed form differs between programs, this does not.
    pub fn hex(&self) -> String {
        hex::encode(self.0)
    }
}

impl fmt::Display for SamId {
    /// As printed on reader labels, `AA.BB-date-serial-serial`. For people to look at, not to compare by.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let b = &self.0;
        let half = |i: usize| u16::from_le_bytes([b[i], b[i + 1]]);
        let word = |i: usize| u32::from_le_bytes([b[i], b[i + 1], b[i + 2], b[i + 3]]);
        write!(f, "{:02}.{:02}-{}-{:010}-{:010}", half(0), half(2), word(4), word(8), word(12))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn published_requests() {
        for (command, wire) in [
            (Command::Reset, "aaaaaa9669000310ffec"),
            (Command::Status, "aaaaaa9669000311ffed"),
            (Command::SamId, "aaaaaa9669000312ffee"),
            (Command::Find, "aaaaaa96690003200122"),
            (Command::Select, "aaaaaa96690003200221"),
            (Command::Read, "aaaaaa96690003300132"),
            (Command::ReadWithFingerprint, "aaaaaa96690003301023"),
            (Command::ReadAppendedAddress, "aaaaaa96690003300330"),
            (Command::ReadBodyNumber, "aaaaaa96690003300536"),
        ] {
            assert_eq!(hex::encode(command.encode()), wire, "{command:?}");
            assert!(Command::ALL.contains(&command));
        }
        // With data: the RF size command that a maker documents.
        assert_eq!(hex::encode(frame::encode(0x61, 0xFF, &[0x50])), "aaaaaa9669000461ff50ca");
    }

    #[test]
    fn status_bytes_survive_the_round_trip() {
        for code in 0..=255u8 {
            assert_eq!(Sw3::from(code).code(), code);
        }
        // Codes of host libraries, which no module sends.
        for code in [0x01, 0x02, 0x03, 0x05, 0x09] {
            assert_eq!(Sw3::from(code), Sw3::Unknown(code));
        }
    }

    #[test]
    fn remedies_follow_the_table() {
        for (code, remedy) in [
            (0x10, Remedy::ResendOnce),
            (0x11, Remedy::ResendOnce),
            (0x21, Remedy::DoNotRetry),
            (0x23, Remedy::DoNotRetry),
            (0x24, Remedy::RetryThenReset),
            (0x31, Remedy::LiftAndPlace),
            (0x33, Remedy::LiftAndPlace),
            (0x40, Remedy::NotACard),
            (0x41, Remedy::LiftAndPlace),
            (0x47, Remedy::RetryFromFind),
            (0x60, Remedy::DeviceFault),
            (0x66, Remedy::DeviceFault),
            (0x80, Remedy::Idle),
            (0x81, Remedy::RetryFromFind),
            (0x91, Remedy::Proceed),
        ] {
            assert_eq!(Sw3::from(code).remedy(), remedy, "{code:02X}");
        }
    }

    #[test]
    fn late_answers_are_told_apart() {
        assert!(Command::Find.can_be_answered_by(Sw3::CardFound, 4));
        assert!(!Command::Select.can_be_answered_by(Sw3::CardFound, 4));
        assert!(!Command::Find.can_be_answered_by(Sw3::Success, 1284));
        assert!(!Command::Read.can_be_answered_by(Sw3::Success, 8));
        assert!(Command::Select.can_be_answered_by(Sw3::Success, 7));
        assert!(!Command::Status.can_be_answered_by(Sw3::NoCard, 0));
        assert!(Command::Read.can_be_answered_by(Sw3::ReadFailed, 0));
    }

    #[test]
    fn sam_id_text_and_identity() {
        let mut raw = Vec::new();
        raw.extend(5u16.to_le_bytes());
        raw.extend(3u16.to_le_bytes());
        raw.extend(20_240_125u32.to_le_bytes());
        raw.extend(1_234_567u32.to_le_bytes());
        raw.extend(7u32.to_le_bytes());
        let id = SamId::from_answer(&raw).unwrap();
        assert_eq!(id.to_string(), "05.03-20240125-0001234567-0000000007");
        assert_eq!(id.hex(), hex::encode(&raw));
        assert_eq!(SamId::from_answer(&raw[1..]), None);
    }
}

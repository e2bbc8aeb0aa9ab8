//! The serial protocol of the SAM security module inside resident identity-card readers.
//!
//! GA/T 467-2019, chapter 7 (the host's interface) for frames and commands; GA/T 490 for the fields on the card.
//! Everything here is values to values: no port, no clock. Time comes in as milliseconds from any fixed origin.

pub mod card;
pub mod command;
pub mod exchange;
pub mod frame;

/// Overwrites bytes that held personal data.
///
/// `black_box` keeps the compiler from dropping a write that nothing reads afterwards.
pub(crate) fn wipe(bytes: &mut [u8]) {
    bytes.fill(0);
    std::hint::black_box(bytes);
}

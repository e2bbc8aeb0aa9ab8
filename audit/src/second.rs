//! What a trust file with `profile = "sm2-sm3"` demands beyond Ed25519: an SM2 line that holds under the seal, the contacts
//! and the two checkpoints, by the keys that the trust file (the log's) and the device's proven leaves (its own) name.
//! Not under the beacon: a device may hold one from before the profile, and what it says is proved by the covering
//! checkpoint, whose line is demanded.

use anyhow::{Context, Result, bail, ensure};
use muster_seal::bundle::{self, Bundle};
use muster_seal::central::{Leaf, SealLeaf};
use muster_seal::chain::Contact;
use muster_seal::key::{NamedKey, Verifier};
use muster_seal::life::Life;
use muster_seal::note::Signature;
use muster_seal::proof::Receipt;
use muster_seal::second::{self, Point, SecondError};
use muster_seal::session;

use crate::trust::Trust;
use crate::verify::{Defect, LifeLeaves};

/// Reads `profile` and `log_sm2` of a trust file: both, or neither.
///
/// # Errors
/// One without the other, a profile that there is not, a key that is none of the log's; or this program lacks SM2.
pub fn read(name: Option<&str>, key: Option<&str>, log: &NamedKey) -> Result<Option<Point>> {
    match (name, key) {
        (None, None) => Ok(None),
        (Some(name), Some(key)) => {
            second::profile(name).context("`profile`")?;
            let (of, point) = Point::parse(key).context("`log_sm2`")?;
            ensure!(of == log.name(), "`log_sm2` is not the key of {}", log.name());
            Ok(Some(point))
        }
        _ => bail!("`profile` and `log_sm2` go together"),
    }
}

/// May a line stand under a checkpoint of the log that is neither its Ed25519 line nor a witness's? With the profile the SM2
/// line may. Without it one more line of the log's own may: its deployment has a profile that this auditor does not ask for.
pub fn stands(line: &Signature, trust: &Trust, seen: &mut bool) -> bool {
    let own = line.name == trust.log.name();
    match &trust.second {
        Some(point) => own && line.id == point.id(trust.log.name()),
        None => own && !std::mem::replace(seen, true),
    }
}

/// Checks the second lines of a bundle whose Ed25519 lines and proofs hold.
///
/// # Errors
/// [`Defect::Second`] with the part, the first that holds.
pub fn check(
    bundle: &Bundle,
    entry: &SealLeaf,
    (life, indices): (&Life, &LifeLeaves),
    log: &Point,
    trust: &Trust,
) -> Result<(), Defect> {
    let at = |part: &str| {
        let part = part.to_owned();
        move |source: SecondError| Defect::Second { part, source }
    };
    for (part, receipt) in [(bundle::RECEIPT, bundle.part(bundle::RECEIPT)?)]
        .into_iter()
        .chain(bundle.life().take(1).map(|(_, receipt)| ("device-000.tlog-proof", receipt)))
    {
        // It was read before.
        let Ok(receipt) = Receipt::parse(receipt) else { continue };
        second::check(receipt.checkpoint.as_bytes(), trust.log.name(), &trust.log.key(), log).map_err(at(part))?;
    }
    let leaves: Vec<Leaf> = bundle.life().filter_map(|(line, _)| Leaf::parse(line).ok()).collect();
    second::check_rotations(indices.iter().map(|(index, _)| *index).zip(&leaves)).map_err(at("the device's life"))?;
    let signed = |note: &str, origin: &str, counter: u64| {
        let point = life.second(counter).ok_or(SecondError::NoKey { counter })?;
        second::check(note.as_bytes(), origin, &life.signer(counter), &point)
    };
    let origin = session::origin(&trust.domain, &entry.device, entry.counter);
    signed(&entry.seal, &origin, entry.counter).map_err(at(bundle::SEAL))?;
    for line in bundle.part(bundle::CONTACTS)?.split(|b| *b == b'\n') {
        let Ok(Leaf::Contact(leaf)) = Leaf::parse(line) else { continue };
        let origin = Contact::origin(&trust.domain, &leaf.device, leaf.counter);
        signed(&leaf.note, &origin, leaf.counter).map_err(at(bundle::CONTACTS))?;
    }
    Ok(())
}

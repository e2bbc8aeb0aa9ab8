//! What proves a finding, as one file: the finding with the rows that made it, and the auditor's bundle of every session that they
//! name. An auditor unpacks it and verifies the bundles by keys of their own; nothing in it needs to be believed.

use std::collections::BTreeSet;

use muster_seal::bundle::Archive;
use muster_seal::policy::Policy;
use rusqlite::Connection;
use serde_json::json;

use crate::desk::Desk;
use crate::pages::device;
use crate::rules::run::{Finding, Run};
use crate::store::{StoreError, findings};
use crate::{bundle, text};

/// One file holds the bundles of so many sessions at most; a finding on more has more files.
pub const PER_FILE: usize = 100;

/// A finding of the newest run, with its rows.
#[derive(Debug, Clone)]
pub struct Proved {
    /// The run.
    pub run: Run,
    /// The finding.
    pub finding: Finding,
    /// The sessions whose records prove it, by device and counter.
    pub sessions: Vec<(String, u64)>,
}

impl Proved {
    /// How many files it takes.
    pub fn files(&self) -> usize {
        self.sessions.len().div_ceil(PER_FILE).max(1)
    }

    /// The name of one of its files, from 1.
    pub fn file_name(&self, part: usize) -> String {
        let safe = |c: char| if c.is_ascii_alphanumeric() || "-_.".contains(c) { c } else { '_' };
        let name: String = self.finding.finding.chars().map(safe).take(120).collect();
        if self.files() > 1 { format!("{name}.{part}.tar") } else { format!("{name}.tar") }
    }
}

/// A finding of a desk that stands by the newest run; `None` when there is no such.
///
/// # Errors
/// [`StoreError`].
pub fn find(conn: &Connection, finding: &str, desk: Desk) -> Result<Option<Proved>, StoreError> {
    let Some(run) = findings::newest_run(conn)? else { return Ok(None) };
    let found = findings::one(conn, run.run, finding)?.filter(|f| Desk::of_family(&f.family) == desk);
    Ok(found.map(|finding| {
        let session = |p: &crate::rules::run::Proof| Some((p.device.clone(), u64::try_from(p.counter).ok()?));
        let sessions: BTreeSet<(String, u64)> = finding.proofs.iter().filter_map(session).collect();
        Proved { run, finding, sessions: sessions.into_iter().collect() }
    }))
}

/// One of its files, from 1: `finding.json`, the bundles under `bundles/`, both notes of each fork of the device under `forks/`, and
/// how to verify them. `None` when there are not so many files.
///
/// # Errors
/// [`StoreError`]; [`StoreError::NoQuorum`] while no quorum stands for one of the seals.
pub fn tar(
    conn: &Connection,
    policy: Option<&Policy>,
    proved: &Proved,
    part: usize,
) -> Result<Option<Vec<u8>>, StoreError> {
    if !(1..=proved.files()).contains(&part) {
        return Ok(None);
    }
    let Proved { run, finding, sessions } = proved;
    let (mut bundles, mut without) = (Vec::new(), Vec::new());
    for (device, counter) in sessions.iter().skip((part - 1) * PER_FILE).take(PER_FILE) {
        match bundle::make(conn, policy, device, *counter)? {
            Some(bytes) => bundles.push((bundle::file_name(device, *counter), bytes)),
            None => without.push(json!({ "device": device, "counter": counter })),
        }
    }
    let document = json!({
        "finding": finding,
        "rows": finding.hits,
        "run": { "run": run.run, "at": run.at, "rules_sha256": run.rules_sha256, "log_size": run.log_size },
        "part": part,
        "parts": proved.files(),
        "bundles": bundles.iter().map(|(name, _)| name).collect::<Vec<_>>(),
        "without_bundle": without,
    });
    let document = serde_json::to_vec_pretty(&document).map_err(|_| StoreError::Corrupt("a finding"))?;
    let mut out = Archive::default();
    let how = [text::Lang::Zh, text::Lang::En].map(|lang| text::text(lang, "proof.how")).join("\n");
    out.put("READ-ME.txt", format!("{how}\n").as_bytes());
    out.put("finding.json", &document);
    for (name, bytes) in &bundles {
        out.put(&format!("bundles/{name}"), bytes);
    }
    if !finding.device.is_empty() && part == 1 {
        for n in 1..=device::fork_count(conn, &finding.device)? {
            for side in ["a", "b"] {
                if let Some(note) = device::note(conn, &finding.device, &n.to_string(), side)? {
                    out.put(&format!("forks/{n}-{side}.txt"), note.as_bytes());
                }
            }
        }
    }
    Ok(Some(out.end()))
}

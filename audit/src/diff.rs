//! `muster-audit diff`: what an auditor saved once, against the central log of today. Nothing may have been taken back; what was
//! added about a device since is told.

use std::fmt::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use serde::Serialize;

use crate::batch::read;
use crate::mirror::Mirror;
use crate::text::both;
use crate::trust::Trust;
use crate::verify::verify;

/// One saved file against the log.
#[derive(Debug, Serialize)]
pub struct Row {
    /// The file.
    pub file: String,
    /// What does not hold; absent where all does.
    pub defect: Option<String>,
    /// Could the file not be read? Then `defect` says why.
    pub unreadable: bool,
    /// Leaves about the bundle's device since it was saved: index and words.
    pub since: Vec<(u64, String)>,
}

/// Saved files against the log.
#[derive(Debug, Serialize)]
pub struct Diff {
    /// Does today's log continue all that was saved?
    pub holds: bool,
    /// Entries in today's log.
    pub log_size: u64,
    /// One a file.
    pub saved: Vec<Row>,
}

/// Compares every file under a folder: bundles (`*.tar`), and checkpoints, which are all others.
///
/// # Errors
/// A folder that cannot be read or holds nothing.
pub fn diff(saved: &Path, mirror: &Mirror, trust: &Trust) -> Result<Diff> {
    let mut files: Vec<PathBuf> = Vec::new();
    let name = || format!("cannot read {}", saved.display());
    for entry in std::fs::read_dir(saved).with_context(name)? {
        let path = entry.with_context(name)?.path();
        if path.is_file() {
            files.push(path);
        }
    }
    ensure!(!files.is_empty(), "{} holds no file", saved.display());
    files.sort();
    let saved: Vec<Row> = files.iter().map(|file| row(file, mirror, trust)).collect();
    Ok(Diff { holds: saved.iter().all(|row| row.defect.is_none()), log_size: mirror.size(), saved })
}

fn row(file: &Path, mirror: &Mirror, trust: &Trust) -> Row {
    let mut row = Row { file: file.display().to_string(), defect: None, unreadable: false, since: Vec::new() };
    let bytes = match read(file) {
        Ok(bytes) => bytes,
        Err(error) => return Row { defect: Some(format!("{error:#}")), unreadable: true, ..row },
    };
    if file.extension().is_some_and(|e| e == "tar") {
        match verify(&bytes, trust) {
            Err(defect) => row.defect = Some(defect.to_string()),
            Ok(held) => {
                row.defect = mirror.holds(&held).err().map(|defect| defect.to_string());
                row.since = mirror.since(&held.device, held.newest.checkpoint.size);
            }
        }
    } else {
        // A checkpoint may have been saved before its witnesses came: the log's own word is enough to hold it to.
        row.defect = match trust.cosigned(&bytes) {
            Err(error) => Some(error.to_string()),
            Ok((checkpoint, _)) => mirror.covers(&checkpoint).err().map(|defect| defect.to_string()),
        };
    }
    row
}

impl Diff {
    /// The exit status: 0 where all is as it was, 1 where something is not, 2 where a file could not be read.
    pub fn status(&self) -> u8 {
        match (self.saved.iter().any(|row| row.defect.is_some() && !row.unreadable), self.holds) {
            (true, _) => 1,
            (false, false) => 2,
            (false, true) => 0,
        }
    }

    /// For a person.
    pub fn text(&self) -> String {
        let mut out = String::new();
        for row in &self.saved {
            let key = if row.defect.is_none() { "diff.same" } else { "diff.other" };
            let (zh, en) = both(key);
            let _ = writeln!(out, "{} {}: {zh} / {en}", if row.defect.is_none() { "✓" } else { "✗" }, row.file);
            if let Some(defect) = &row.defect {
                let _ = writeln!(out, "    {defect}");
            }
            for (index, words) in &row.since {
                let (zh, en) = both("diff.since");
                let _ = writeln!(out, "    ! {zh} / {en}: #{index} {words}");
            }
        }
        let (zh, en) = both("diff.size");
        let _ = writeln!(out, "{zh} / {en}: {}", self.log_size);
        out
    }
}

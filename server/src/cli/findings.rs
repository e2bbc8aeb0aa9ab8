//! Findings as a table for a terminal, and as JSON.

use std::io::Write;
use std::path::Path;

use anyhow::{Context, Result};

use crate::pages::format::yuan;
use crate::rules::run::Report;
use crate::store::{Store, findings};
use crate::text::{Lang, text};

/// Prints the newest run, and writes it where asked.
///
/// # Errors
/// When there was no run yet, or the file cannot be written.
pub(super) fn show(store: &Store, json: Option<&Path>) -> Result<()> {
    let report = store
        .read(findings::newest)?
        .context("尚未核对 / nothing was reconciled yet: run `muster-server reconcile`")?;
    if let Some(path) = json {
        crate::central::sequencer::write_file(path, &serde_json::to_vec_pretty(&report)?)?;
    }
    print(&report, &mut std::io::stdout().lock())
}

fn print(report: &Report, out: &mut impl Write) -> Result<()> {
    for class in &report.classes {
        writeln!(
            out,
            "{} [{}] {}: {}/{} 学时 hours, {} 未能核验 unproven, ¥{} 风险 at risk ¥{} (+¥{}), 未能核验 unproven ¥{}",
            class.class,
            text(Lang::Zh, &format!("band.{}", class.band)),
            class.institution,
            class.attested,
            class.hours,
            class.unproven,
            yuan(class.amount_fen),
            yuan(class.certain_fen),
            yuan(class.strong_fen),
            yuan(class.unproven_fen),
        )?;
    }
    writeln!(out)?;
    for f in &report.findings {
        let grade = format!("{:?}", f.grade).to_lowercase();
        let mark = if f.suspect { "涉嫌 suspect" } else { "核减 adjust" };
        writeln!(
            out,
            "{:20} {:8} {:14} {:10} {:18} ¥{:>12}",
            f.rule,
            grade,
            mark,
            f.class,
            if f.device.is_empty() { &f.trainee } else { &f.device },
            yuan(f.at_risk_fen)
        )?;
        writeln!(out, "    {}\n    {}", f.zh.explanation, f.en.explanation)?;
    }
    for refused in &report.run.refused {
        writeln!(out, "被拒 refused: {refused}")?;
    }
    Ok(())
}

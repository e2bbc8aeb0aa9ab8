//! A finding with the rows that made it, the query that found them, and the records that prove it.

use std::io::Write;

use anyhow::{Context, Result};

use crate::pages::format::yuan;
use crate::rules;
use crate::store::{Store, findings};

/// Prints a finding of the newest run.
///
/// # Errors
/// When there is no such finding, or no run yet.
pub(super) fn explain(store: &Store, finding: &str) -> Result<()> {
    let (run, found) = store.read(|conn| {
        let run = findings::newest_run(conn)?;
        let found = run.as_ref().map(|run| findings::one(conn, run.run, finding)).transpose()?.flatten();
        Ok::<_, crate::store::StoreError>((run, found))
    })?;
    let run = run.context("尚未核对 / nothing was reconciled yet: run `muster-server reconcile`")?;
    let found = found.with_context(|| format!("最近一次核对没有此疑点 / the newest run has no finding {finding}"))?;
    let mut out = std::io::stdout().lock();
    let grade = format!("{:?}", found.grade).to_lowercase();
    writeln!(out, "{}\n{} / {}\n", found.finding, found.zh.title, found.en.title)?;
    for words in [&found.zh, &found.en] {
        writeln!(out, "{}\n  - {}\n  - {}\n", words.explanation, words.innocent, words.next)?;
    }
    writeln!(
        out,
        "{grade}, {}, ¥{} 风险 at risk, ¥{} 敞口 exposure\n{}\nrun {} at {}, central log size {}, rules {}\n",
        if found.suspect { "涉嫌 suspect" } else { "核减 adjust" },
        yuan(found.at_risk_fen),
        yuan(found.exposure_fen),
        found.basis,
        run.run,
        run.at,
        run.log_size,
        &run.rules_sha256[..12.min(run.rules_sha256.len())],
    )?;
    writeln!(out, "class\ttrainee\tcell\tlesson\tkind\tsuspect\tdevice\tcounter\tseq")?;
    for h in &found.hits {
        writeln!(
            out,
            "{}\t{}\t{}\t{}\t{}\t{}\t{}\t{}\t{}..{}",
            h.class, h.trainee, h.cell, h.lesson, h.kind, h.suspect, h.device, h.counter, h.seq_from, h.seq_to
        )?;
    }
    let set = rules::load(store.dir());
    match set.rules.iter().find(|rule| rule.id == found.rule) {
        Some(rule) if set.sha256 == run.rules_sha256 => writeln!(out, "\n{}", rule.query()?.trim_end())?,
        _ => writeln!(out, "\n此后规则已更改 / the rules have changed since that run")?,
    }
    Ok(())
}

//! An office that the bureau does not run, and its witness: the real `muster-audit witness`, started, killed, restarted.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

use crate::bureau::{Bureau, Owned, program, run};

/// A witness's office.
#[derive(Debug)]
pub struct Office {
    /// What the policy calls it.
    pub name: String,
    /// Its verifier key.
    pub vkey: String,
    /// Where it takes checkpoints.
    pub url: String,
    dir: PathBuf,
    process: Option<Owned>,
}

impl Office {
    /// Sets an office up for one bureau's central log, and starts its witness.
    ///
    /// # Errors
    /// When it does not start.
    pub fn start(dir: &Path, name: &str, bureau: &Bureau) -> Result<Self> {
        let dir = dir.join(name);
        let witness = |args: &[&str]| {
            run(Command::new(program("muster-audit")?).arg("witness").args(args).arg("--dir").arg(&dir))
        };
        let own = format!("{name}.example/w1");
        let said = witness(&["--init", "--name", &own])?;
        let vkey = said.split_whitespace().find(|word| word.starts_with(&format!("{own}+")));
        let vkey = vkey.context("the witness did not say its key")?.to_owned();
        witness(&["--add-log", bureau.cli(&["log-key"])?.trim()])?;
        let mut office = Self { name: name.to_owned(), vkey, url: String::new(), dir, process: None };
        office.listen("127.0.0.1:0")?;
        Ok(office)
    }

    fn listen(&mut self, at: &str) -> Result<()> {
        let mut child = Command::new(program("muster-audit")?)
            .args(["witness", "--listen", at, "--dir"])
            .arg(&self.dir)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()?;
        let stderr = child.stderr.take().context("no stderr")?;
        self.process = Some(Owned(child));
        let mut lines = BufReader::new(stderr).lines();
        loop {
            let Some(line) = lines.next() else { bail!("the witness ended before it listened") };
            if let Some(at) = line?.split_whitespace().find(|word| word.starts_with("http://")) {
                self.url = at.trim_end_matches('/').to_owned();
                break;
            }
        }
        std::thread::spawn(move || lines.for_each(drop));
        Ok(())
    }

    /// `kill -9`.
    pub fn kill(&mut self) {
        self.process = None;
    }

    /// Starts it again where it was.
    ///
    /// # Errors
    /// When it does not start.
    pub fn restart(&mut self) -> Result<()> {
        self.kill();
        let at = self.url.trim_start_matches("http://").to_owned();
        self.listen(&at)
    }
}

/// Writes the bureau's policy: these offices, and which of them a quorum takes (`all`, `any`, a number).
///
/// # Errors
/// When it cannot be written.
pub fn policy(bureau: &Bureau, offices: &[&Office], quorum: &str) -> Result<()> {
    std::fs::write(bureau.data.join("witnesses.policy"), text(bureau, offices, quorum)?)?;
    Ok(())
}

/// A policy with the keys that the offices' own witnesses said.
fn text(bureau: &Bureau, offices: &[&Office], quorum: &str) -> Result<String> {
    let mut text = format!("log {}\n", bureau.cli(&["log-key"])?.trim());
    for office in offices {
        text += &format!("witness {} {} {}\n", office.name, office.vkey, office.url);
    }
    let names: Vec<&str> = offices.iter().map(|office| office.name.as_str()).collect();
    text += &format!("group offices {quorum} {}\nquorum offices\n", names.join(" "));
    Ok(text)
}

/// An auditor's trust file: the bureau's, but for the witnesses, whose keys are taken from the witnesses themselves. A bureau
/// that could choose them could stand for itself.
///
/// # Errors
/// When the bureau names no witnesses.
pub fn trust(bureau: &Bureau, offices: &[&Office], quorum: &str) -> Result<String> {
    let (open, close) = ("tlog_policy = '''\n", "'''\n");
    let bureaus = bureau.cli(&["trust"])?;
    let (head, rest) = bureaus.split_once(open).context("the bureau names no witnesses")?;
    let (_, tail) = rest.split_once(close).context("the policy has no end")?;
    Ok(format!("{head}{open}{}{close}{tail}", text(bureau, offices, quorum)?))
}

//! The bureau's side of a story: the real `muster-server`, started, killed, restarted, and spoken to as its users do.

use std::ffi::OsStr;
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

use anyhow::{Context, Result, bail, ensure};

/// Where cargo put the programs: beside the running executable, or one folder up from a test's.
///
/// # Errors
/// When the program was not built; says how to.
pub fn program(name: &str) -> Result<PathBuf> {
    let me = std::env::current_exe()?;
    let mut folder = me.parent().context("no folder")?;
    if folder.ends_with("deps") {
        folder = folder.parent().context("no folder")?;
    }
    let path = folder.join(name);
    ensure!(path.exists(), "{} is not built: run `cargo build --workspace --bins` first", path.display());
    Ok(path)
}

/// Runs a program to its end and gives what it printed.
///
/// # Errors
/// When it fails, with what it said.
pub fn run(command: &mut Command) -> Result<String> {
    let out = command.stdin(Stdio::null()).output().with_context(|| format!("{command:?}"))?;
    let (stdout, stderr) = (String::from_utf8_lossy(&out.stdout), String::from_utf8_lossy(&out.stderr));
    ensure!(out.status.success(), "{command:?} ended with {}\n{stdout}{stderr}", out.status);
    Ok(stdout.into_owned())
}

/// A process that does not outlive its owner.
#[derive(Debug)]
pub struct Owned(pub Child);

impl Owned {
    /// `kill -9`, and waits until it is gone.
    pub fn kill(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Drop for Owned {
    fn drop(&mut self) {
        self.kill();
    }
}

/// A running bureau.
#[derive(Debug)]
pub struct Bureau {
    /// Its data directory.
    pub data: PathBuf,
    /// Where devices speak to it.
    pub devices: String,
    /// Where its officials do.
    pub pages: String,
    process: Owned,
}

impl Bureau {
    /// Starts a bureau on free loopback ports, its log in `DATA.log`.
    ///
    /// # Errors
    /// When it does not start.
    pub fn start(data: &Path, domain: &str) -> Result<Self> {
        Self::listen(data, domain, "127.0.0.1:0", "127.0.0.1:0", "", None)
    }

    /// `kill -9`, then starts it again on the same ports with a configuration of these lines.
    ///
    /// # Errors
    /// When it does not start again.
    pub fn restart_configured(&mut self, domain: &str, lines: &str) -> Result<()> {
        let config = self.data.with_extension("server.toml");
        fs::write(&config, format!("domain = \"{domain}\"\n{lines}"))?;
        self.again(domain, "", Some(&config))
    }

    fn listen(
        data: &Path,
        domain: &str,
        devices: &str,
        pages: &str,
        fault: &str,
        config: Option<&Path>,
    ) -> Result<Self> {
        let log = fs::File::options().create(true).append(true).open(data.with_extension("log"))?;
        let mut child = Command::new(program("muster-server")?)
            .args(["serve", "--domain", domain, "--devices", devices, "--bureau", pages, "--data"])
            .arg(data)
            .args(config.into_iter().flat_map(|path| [OsStr::new("--config"), path.as_os_str()]))
            .env("MUSTER_FAULT", fault)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()?;
        let stdout = child.stdout.take().context("no stdout")?;
        let process = Owned(child);
        let (mut devices, mut pages) = (None, None);
        let mut lines = BufReader::new(stdout).lines();
        while devices.is_none() || pages.is_none() {
            let Some(line) = lines.next() else {
                bail!("muster-server ended before it listened; see {}", data.with_extension("log").display())
            };
            let line = line?;
            match line.split_once(' ') {
                Some(("devices", url)) => devices = Some(url.to_owned()),
                Some(("bureau", url)) => pages = Some(url.to_owned()),
                _ => {}
            }
        }
        // Whatever it prints later must not block it.
        std::thread::spawn(move || lines.for_each(drop));
        let (devices, pages) = (devices.unwrap_or_default(), pages.unwrap_or_default());
        Ok(Self { data: data.to_owned(), devices, pages, process })
    }

    /// `kill -9`, then starts it again on the same ports.
    ///
    /// # Errors
    /// When it does not start again.
    pub fn kill_and_restart(&mut self, domain: &str) -> Result<()> {
        self.restart_with(domain, "")
    }

    /// The same, with a fault that a test asks for: see `server/src/fault.rs`.
    ///
    /// # Errors
    /// When it does not start again.
    pub fn restart_with(&mut self, domain: &str, fault: &str) -> Result<()> {
        self.again(domain, fault, None)
    }

    fn again(&mut self, domain: &str, fault: &str, config: Option<&Path>) -> Result<()> {
        self.process.kill();
        let at = |url: &str| url.trim_start_matches("http://").trim_end_matches('/').to_owned();
        *self = Self::listen(&self.data, domain, &at(&self.devices), &at(&self.pages), fault, config)?;
        Ok(())
    }

    /// `kill -9`, from another thread than the one that speaks to it.
    pub fn kill(&mut self) {
        self.process.kill();
    }

    /// Runs a subcommand of `muster-server` on this bureau's data.
    ///
    /// # Errors
    /// When it fails.
    pub fn cli(&self, args: &[&str]) -> Result<String> {
        run(Command::new(program("muster-server")?).args(args).arg("--data").arg(&self.data))
    }

    /// Writes a file and imports it.
    ///
    /// # Errors
    /// When the bureau refuses it.
    pub fn import(&self, what: &str, text: &str) -> Result<()> {
        let extension = if what == "policy" { "toml" } else { "csv" };
        // Two sites may set up their classes at once.
        static FILES: AtomicU32 = AtomicU32::new(0);
        let n = FILES.fetch_add(1, Ordering::Relaxed);
        let path = self.data.with_extension(format!("{n}.{what}.{extension}"));
        fs::write(&path, text)?;
        self.import_file(what, &path)
    }

    /// Imports a file.
    ///
    /// # Errors
    /// When the bureau refuses it.
    pub fn import_file(&self, what: &str, path: &Path) -> Result<()> {
        let path = path.to_str().context("the path is not UTF-8")?;
        self.cli(&["import", what, path]).map(drop)
    }

    /// Reconciles and gives the findings.
    ///
    /// # Errors
    /// When it fails.
    pub fn reconcile(&self) -> Result<serde_json::Value> {
        let path = self.data.with_extension("findings.json");
        self.cli(&["reconcile", "--json", path.to_str().context("the path is not UTF-8")?])?;
        Ok(serde_json::from_slice(&fs::read(path)?)?)
    }

    /// Gets a page or an answer of the API.
    ///
    /// # Errors
    /// When the status is not 2xx.
    pub fn get(&self, path: &str) -> Result<String> {
        get(&format!("{}{path}", self.pages.trim_end_matches('/')))
    }
}

/// GETs a text.
///
/// # Errors
/// When there is no answer, or its status is not 2xx.
pub fn get(url: &str) -> Result<String> {
    Ok(ureq::get(url).call()?.body_mut().read_to_string()?)
}

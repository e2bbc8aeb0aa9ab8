//! A training site's side of a story: the real `muster-edge` with a simulated reader and camera.

use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::bureau::{Owned, get, program, run};
use crate::card::Person;
use crate::reader::SimReader;
use crate::video::{Scene, SimCamera};

/// How long anything at a site may take before the story is given up. Nothing is asserted about time.
const PATIENCE: Duration = Duration::from_secs(40);

/// A site.
#[derive(Debug)]
pub struct Site {
    /// Its reader.
    pub reader: SimReader,
    /// Its camera, where it has one.
    pub camera: Option<SimCamera>,
    /// The kiosk's address.
    pub kiosk: String,
    /// The agent's data directory.
    pub data: PathBuf,
    config: PathBuf,
    log: PathBuf,
    agent: Option<Owned>,
}

impl Site {
    /// Sets a site up in a folder, enrols its device and starts the agent. `server` is where it reaches the bureau.
    ///
    /// # Errors
    /// When anything of that fails.
    pub fn start(dir: &Path, server: &str, code: &str, camera: Option<Scene>, models: Option<&Path>) -> Result<Self> {
        Self::start_with(dir, server, code, camera, models, "")
    }

    /// The same with more lines in its configuration.
    ///
    /// # Errors
    /// When anything of that fails.
    pub fn start_with(
        dir: &Path,
        server: &str,
        code: &str,
        camera: Option<Scene>,
        models: Option<&Path>,
        more: &str,
    ) -> Result<Self> {
        fs::create_dir_all(dir)?;
        let reader = SimReader::start(&dir.join("reader"))?;
        let camera = camera.map(SimCamera::start).transpose()?;
        let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let (data, config) = (dir.join("data"), dir.join("edge.toml"));
        let mut text = format!(
            "server = \"{server}\"\ndata_dir = \"{}\"\nkiosk = \"127.0.0.1:{port}\"\nseal_every_s = 1\nsync_every_s = 1\n\
             back_off_max_s = 1\nopen_before_s = 600\nclose_after_s = 600\nmin_stay_s = 2\nlook_back_ms = 700\n\
             look_wait_ms = 900\n",
            data.display()
        );
        text += more;
        if let Some(models) = models {
            text += &format!("models_dir = \"{}\"\n", models.display());
        }
        text += &format!("\n[[reader]]\nname = \"door\"\npath = \"{}\"\n", dir.join("reader").display());
        if let Some(camera) = &camera {
            text += &format!("\n[camera]\nprofile = \"http-mjpeg\"\nsource = \"{}\"\n", camera.url);
        }
        fs::write(&config, text)?;
        let kiosk = format!("http://127.0.0.1:{port}");
        let mut site = Self { reader, camera, kiosk, data, config, log: dir.join("edge.log"), agent: None };
        site.cli(&["enrol", "--code", code])?;
        site.boot()?;
        Ok(site)
    }

    /// Runs a subcommand of `muster-edge`.
    ///
    /// # Errors
    /// When it fails.
    pub fn cli(&self, args: &[&str]) -> Result<String> {
        run(Command::new(program("muster-edge")?).arg("--config").arg(&self.config).args(args))
    }

    /// Starts the agent and waits until its hardware works.
    ///
    /// # Errors
    /// When it does not come up.
    pub fn boot(&mut self) -> Result<()> {
        let log = fs::File::options().create(true).append(true).open(&self.log)?;
        let agent = Command::new(program("muster-edge")?)
            .arg("--config")
            .arg(&self.config)
            .arg("run")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()?;
        self.agent = Some(Owned(agent));
        self.wait("the hardware works", |v| {
            v["hardware"].as_array().is_some_and(|all| !all.is_empty() && all.iter().all(|h| h["down"] == ""))
        })?;
        Ok(())
    }

    /// `kill -9`.
    pub fn kill(&mut self) {
        self.agent = None;
    }

    /// SIGTERM, as systemd sends it; waits for the end and gives whether it was in order.
    ///
    /// # Errors
    /// When there is no agent, or it cannot be told.
    pub fn terminate(&mut self) -> Result<bool> {
        let mut agent = self.agent.take().context("no agent")?;
        let id = nix::unistd::Pid::from_raw(i32::try_from(agent.0.id())?);
        nix::sys::signal::kill(id, nix::sys::signal::Signal::SIGTERM)?;
        Ok(agent.0.wait()?.success())
    }

    /// What the kiosk shows now.
    ///
    /// # Errors
    /// When the agent does not answer.
    pub fn view(&self) -> Result<Value> {
        Ok(serde_json::from_str(&get(&format!("{}/view.json", self.kiosk))?)?)
    }

    /// Waits until the kiosk shows something.
    ///
    /// # Errors
    /// When it never does; says what it showed instead, and where the agent's log is.
    pub fn wait(&self, what: &str, shows: impl Fn(&Value) -> bool) -> Result<Value> {
        let start = Instant::now();
        let mut last = Value::Null;
        while start.elapsed() < PATIENCE {
            if let Ok(view) = self.view() {
                if shows(&view) {
                    return Ok(view);
                }
                last = view;
            }
            std::thread::sleep(Duration::from_millis(30));
        }
        bail!("the kiosk never showed that {what}; last: {last}; log: {}", self.log.display())
    }

    /// Waits until a session runs.
    ///
    /// # Errors
    /// When none ever does.
    pub fn wait_open(&self) -> Result<()> {
        self.wait("a session runs", |v| v["phase"] == "running").map(drop)
    }

    /// Shows a scene to the camera, and waits until pictures from before are too old to count.
    ///
    /// # Errors
    /// When nothing can be drawn.
    pub fn show(&self, scene: Scene) -> Result<()> {
        if let Some(camera) = &self.camera {
            camera.show(scene)?;
            // Looking back takes 700 ms, and a picture is on its way for some.
            std::thread::sleep(Duration::from_millis(1_200));
        }
        Ok(())
    }

    /// Puts a card down until the kiosk has said what became of it, and lifts it. Gives what it said.
    ///
    /// # Errors
    /// When it never says anything.
    pub fn tap(&self, person: &Person) -> Result<String> {
        let before = self.view()?["last"]["n"].as_u64().unwrap_or(0);
        self.reader.place(person);
        let view = self.wait("a card was taken", |v| {
            v["last"]["n"].as_u64().unwrap_or(0) > before && v["last"]["outcome"] != "look"
        });
        self.reader.lift();
        Ok(view?["last"]["outcome"].as_str().context("no outcome")?.to_owned())
    }

    /// Presses a button on the kiosk.
    ///
    /// # Errors
    /// When the agent does not answer.
    pub fn press(&self, button: &str) -> Result<()> {
        ureq::post(format!("{}/{button}", self.kiosk)).header("muster-kiosk", "1").send_empty()?;
        Ok(())
    }

    /// Chooses on the kiosk whom an instructor enters by hand, and why.
    ///
    /// # Errors
    /// When the agent does not answer.
    pub fn enter(&self, trainee: &str, reason: &str) -> Result<()> {
        let body = serde_json::json!({ "trainee": trainee, "reason": reason });
        ureq::post(format!("{}/entry", self.kiosk)).header("muster-kiosk", "1").send_json(body)?;
        Ok(())
    }

    /// Ends the session, as the button on the kiosk does once the last lesson is over.
    ///
    /// # Errors
    /// When the agent does not answer.
    pub fn close(&self) -> Result<()> {
        self.press("close")?;
        self.wait("the session has ended", |v| v["phase"] == "idle").map(drop)
    }

    /// Waits until the bureau has everything.
    ///
    /// # Errors
    /// When it never has.
    pub fn wait_sent(&self) -> Result<()> {
        self.wait("all is sent", |v| v["phase"] == "idle" && v["unsent"] == 0 && v["online"] == true).map(drop)
    }
}

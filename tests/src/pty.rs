//! A real pseudo-terminal behind a stable name, that can be pulled out and put back.

use std::fs::File;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};

use nix::pty::openpty;
use nix::sys::termios::{SetArg, cfmakeraw, tcgetattr, tcsetattr};
use nix::unistd::ttyname;

/// The module's end of a pseudo-terminal; the agent opens the link.
#[derive(Debug)]
pub struct Pty {
    /// The module's end.
    pub master: File,
    // Held, so that the module does not see a hang-up while nobody has the port open.
    _slave: OwnedFd,
    link: PathBuf,
}

impl Pty {
    /// Opens a pair, in raw mode, and puts a link to the agent's end at a path.
    ///
    /// # Errors
    /// When the system gives none.
    pub fn plug(link: &Path) -> io::Result<Self> {
        let pair = openpty(None, None)?;
        let mut mode = tcgetattr(pair.slave.as_fd())?;
        cfmakeraw(&mut mode);
        tcsetattr(pair.slave.as_fd(), SetArg::TCSANOW, &mode)?;
        let name = ttyname(pair.slave.as_fd())?;
        let _ = std::fs::remove_file(link);
        std::os::unix::fs::symlink(name, link)?;
        Ok(Self { master: File::from(pair.master), _slave: pair.slave, link: link.to_owned() })
    }
}

impl Drop for Pty {
    /// Pulls the cable: the link goes, and whoever has the port open sees a hang-up.
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.link);
    }
}

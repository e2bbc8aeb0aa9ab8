//! The serial port: opening it, and telling "not there" from "not allowed" from "pulled out".

use std::io::{ErrorKind, Read, Write};
use std::time::Duration;

use serialport::{DataBits, FlowControl, Parity, SerialPort, StopBits};
use thiserror::Error;

/// How long one read of the port waits. Short, so that a stop or a deadline is noticed.
const READ_WAIT: Duration = Duration::from_millis(10);

/// What can go wrong with a port, and what to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum PortError {
    /// There is no such port.
    #[error("no such port: check the cable and the path")]
    NotFound,
    /// There is, and we may not open it.
    #[error("the port may not be opened: add the user to the group dialout, or install the udev rules")]
    NoPermission,
    /// It is open elsewhere.
    #[error("another program has the port open: stop it")]
    Busy,
    /// It was there and is gone.
    #[error("the cable was pulled")]
    Unplugged,
}

impl PortError {
    /// As `doctor`'s catalogue names it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NotFound => "port-missing",
            Self::NoPermission => "port-permission",
            Self::Busy => "port-busy",
            Self::Unplugged => "port-unplugged",
        }
    }
}

/// An open port.
pub struct Port {
    port: Box<dyn SerialPort>,
}

impl Port {
    /// Opens a port at a rate: 8 data bits, no parity, one stop bit.
    ///
    /// # Errors
    /// [`PortError`].
    pub fn open(path: &str, baud: u32) -> Result<Self, PortError> {
        let builder = serialport::new(path, baud)
            .data_bits(DataBits::Eight)
            .parity(Parity::None)
            .stop_bits(StopBits::One)
            .flow_control(FlowControl::None)
            .timeout(READ_WAIT);
        let port = builder.open().map_err(|e| match e.kind() {
            serialport::ErrorKind::Io(ErrorKind::PermissionDenied) => PortError::NoPermission,
            serialport::ErrorKind::Io(ErrorKind::ResourceBusy) => PortError::Busy,
            // Some systems say "not there" of a port that is there and not ours to open.
            _ if std::fs::metadata(path).is_ok()
                && std::fs::File::open(path).is_err_and(|e| e.kind() == ErrorKind::PermissionDenied) =>
            {
                PortError::NoPermission
            }
            _ => PortError::NotFound,
        })?;
        Ok(Self { port })
    }

    /// Sends bytes.
    ///
    /// # Errors
    /// [`PortError::Unplugged`].
    pub fn send(&mut self, bytes: &[u8]) -> Result<(), PortError> {
        self.port.write_all(bytes).and_then(|()| self.port.flush()).map_err(|_| PortError::Unplugged)
    }

    /// What came, in a few milliseconds; none is no error.
    ///
    /// # Errors
    /// [`PortError::Unplugged`].
    pub fn receive(&mut self, buffer: &mut [u8]) -> Result<usize, PortError> {
        match self.port.read(buffer) {
            // A port that is ready and gives nothing has been hung up.
            Ok(0) => Err(PortError::Unplugged),
            Ok(n) => Ok(n),
            Err(e) if matches!(e.kind(), ErrorKind::TimedOut | ErrorKind::Interrupted | ErrorKind::WouldBlock) => Ok(0),
            Err(_) => Err(PortError::Unplugged),
        }
    }
}

/// Serial ports that a reader could be at: USB bridges and UARTs.
pub fn candidates() -> Vec<String> {
    let mut names: Vec<String> =
        serialport::available_ports().unwrap_or_default().into_iter().map(|p| p.port_name).collect();
    names.sort();
    names
}

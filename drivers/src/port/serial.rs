//! Serial devices: RS-232, USB-CDC, USB converters.

use std::fmt;
use std::io;
use std::os::fd::AsRawFd as _;
use std::path::Path;
use std::time::Duration;

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::unistd::{AccessFlags, access};
use serialport::{FlowControl, TTYPort};

use super::link::Line;
use super::{NotOpened, Obstacle};

/// Baud rate and frame of a serial line. USB-CDC devices ignore them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LineSettings {
    pub baud: u32,
    pub data_bits: DataBits,
    pub parity: Parity,
    pub stop_bits: StopBits,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DataBits {
    Seven,
    Eight,
}

/// A scanner that says "7 data bits, space parity" is one with 8 data bits and no parity.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Parity {
    None,
    Odd,
    Even,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StopBits {
    One,
    Two,
}

impl LineSettings {
    /// 9600 8N1, as most scanners leave the factory.
    pub const FACTORY: Self =
        Self { baud: 9600, data_bits: DataBits::Eight, parity: Parity::None, stop_bits: StopBits::One };
}

/// `9600 8N1`
impl fmt::Display for LineSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let data_bits = match self.data_bits {
            DataBits::Seven => 7,
            DataBits::Eight => 8,
        };
        let parity = match self.parity {
            Parity::None => 'N',
            Parity::Odd => 'O',
            Parity::Even => 'E',
        };
        let stop_bits = match self.stop_bits {
            StopBits::One => 1,
            StopBits::Two => 2,
        };
        write!(f, "{} {data_bits}{parity}{stop_bits}", self.baud)
    }
}

impl Default for LineSettings {
    fn default() -> Self {
        Self::FACTORY
    }
}

/// Opens the device that `path` leads to now, for this process alone.
pub(super) fn open(path: &Path, settings: LineSettings) -> Result<Line, NotOpened> {
    let name = path.to_str().ok_or_else(|| "the path is not UTF-8".to_owned())?;
    let builder = serialport::new(name, settings.baud)
        .data_bits(match settings.data_bits {
            DataBits::Seven => serialport::DataBits::Seven,
            DataBits::Eight => serialport::DataBits::Eight,
        })
        .parity(match settings.parity {
            Parity::None => serialport::Parity::None,
            Parity::Odd => serialport::Parity::Odd,
            Parity::Even => serialport::Parity::Even,
        })
        .stop_bits(match settings.stop_bits {
            StopBits::One => serialport::StopBits::One,
            StopBits::Two => serialport::StopBits::Two,
        })
        .flow_control(FlowControl::None)
        .exclusive(true)
        .timeout(Duration::ZERO);
    let port = TTYPort::open(&builder).map_err(|error| not_opened(path, &error))?;
    make_nonblocking(&port).map_err(|error| format!("{name}: {error}"))?;
    Ok(Line::Serial(port))
}

/// serialport tells a lock of another program and a device that is gone alike, so the path is looked at.
fn not_opened(path: &Path, error: &serialport::Error) -> NotOpened {
    let shown = path.display();
    let told = |reason: String, obstacle| NotOpened { reason, obstacle };
    match access(path, AccessFlags::R_OK | AccessFlags::W_OK) {
        Err(Errno::ENOENT | Errno::ENOTDIR) => told(format!("{shown}: {error}"), Obstacle::Absent),
        Err(Errno::EACCES | Errno::EPERM) => {
            told(format!("{shown}: the agent's user may not open it"), Obstacle::Denied)
        }
        Ok(()) if error.kind == serialport::ErrorKind::NoDevice => {
            told(format!("{shown}: another program has it ({error})"), Obstacle::Held)
        }
        Ok(()) | Err(_) => format!("{shown}: {error}").into(),
    }
}

/// serialport waits until the line takes a byte and then writes all of them, which would block for the others.
fn make_nonblocking(port: &TTYPort) -> io::Result<()> {
    fcntl(port.as_raw_fd(), FcntlArg::F_SETFL(OFlag::O_NONBLOCK))?;
    Ok(())
}

//! Serial devices: RS-232, USB-CDC, USB converters.

use std::fmt;
use std::io;
use std::os::fd::AsRawFd as _;
use std::path::Path;
use std::time::Duration;

use nix::fcntl::{FcntlArg, OFlag, fcntl};
use serialport::{FlowControl, TTYPort};

use super::link::Line;

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
pub(super) fn open(path: &Path, settings: LineSettings) -> Result<Line, String> {
    let name = path.to_str().ok_or("the path is not UTF-8")?;
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
    let port = TTYPort::open(&builder).map_err(|error| format!("{name}: {error}"))?;
    make_nonblocking(&port).map_err(|error| format!("{name}: {error}"))?;
    Ok(Line::Serial(port))
}

/// serialport waits until the line takes a byte and then writes all of them, which would block for the others.
fn make_nonblocking(port: &TTYPort) -> io::Result<()> {
    fcntl(port.as_raw_fd(), FcntlArg::F_SETFL(OFlag::O_NONBLOCK))?;
    Ok(())
}

//! Ports that no other run takes: below 32768, outside the ephemeral range, each held by a name for as long as the run lives,
//! and free when taken. docs/decisions/0012-port-names.md says why by a name.

use std::io;
use std::net::{Ipv4Addr, TcpListener};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};

/// First port that is tried.
const FIRST: u16 = 18_000;
/// Dynamo's system port is a signed 16-bit number: this is the last.
const LAST: u16 = 32_767;

/// Ports held for this run; dropping it gives them back.
#[derive(Debug)]
pub struct Ports {
    numbers: Vec<u16>,
    _names: Vec<UnixDatagram>,
}

/// Why no ports could be had.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The kernel gives no socket to hold a port by.
    #[error(
        "failed to hold a port for this run: {0}; if it says too many open files, raise the limit (`ulimit -n`)"
    )]
    Hold(#[source] io::Error),
    /// All are taken.
    #[error(
        "failed to find {wanted} free ports between {first} and {last}: only {found} are free; end what listens there (`ss -ltnp`)"
    )]
    Exhausted {
        /// How many were needed.
        wanted: usize,
        /// How many were found.
        found: usize,
        /// First port tried.
        first: u16,
        /// Last port tried.
        last: u16,
    },
}

impl Ports {
    /// Takes `wanted` ports.
    ///
    /// # Errors
    /// When a port can't be held, or too few are free.
    pub fn take(wanted: usize) -> Result<Self, Error> {
        let last = LAST.min(ephemeral_first().saturating_sub(1));
        let mut numbers = Vec::with_capacity(wanted);
        let mut names = Vec::with_capacity(wanted);
        // Runs started together begin at different places, so that they rarely look at the same port.
        let span = u32::from(last.saturating_sub(FIRST)) + 1;
        let offset = std::process::id().wrapping_mul(97) % span;
        for step in 0..span {
            if numbers.len() == wanted {
                break;
            }
            let number = FIRST + u16::try_from((offset + step) % span).unwrap_or(0);
            if let Some(name) = hold(&format!("bench-port-{number}")).map_err(Error::Hold)?
                && free(number)
            {
                numbers.push(number);
                names.push(name);
            }
        }
        if numbers.len() < wanted {
            return Err(Error::Exhausted {
                wanted,
                found: numbers.len(),
                first: FIRST,
                last,
            });
        }
        Ok(Self {
            numbers,
            _names: names,
        })
    }

    /// The ports.
    #[must_use]
    pub fn numbers(&self) -> &[u16] {
        &self.numbers
    }
}

/// Binds an abstract Unix socket, which ends with its holder however that ends; nothing where another holds the name.
fn hold(name: &str) -> io::Result<Option<UnixDatagram>> {
    match UnixDatagram::bind_addr(&SocketAddr::from_abstract_name(name)?) {
        Ok(held) => Ok(Some(held)),
        Err(error) if error.kind() == io::ErrorKind::AddrInUse => Ok(None),
        Err(error) => Err(error),
    }
}

/// Whether nothing listens there, on any address.
fn free(number: u16) -> bool {
    TcpListener::bind((Ipv4Addr::UNSPECIFIED, number)).is_ok()
}

fn ephemeral_first() -> u16 {
    std::fs::read_to_string("/proc/sys/net/ipv4/ip_local_port_range")
        .ok()
        .and_then(|range| range.split_whitespace().next()?.parse().ok())
        .filter(|first| *first > FIRST + 1_000)
        .unwrap_or(LAST + 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn ports_held_by_one_are_not_given_to_another() {
        let one = Ports::take(20).unwrap();
        let two = Ports::take(20).unwrap();
        for number in one.numbers() {
            assert!(*number <= LAST);
            assert!(!two.numbers().contains(number));
        }
    }

    #[test]
    fn a_name_is_free_again_when_its_holder_is_gone() {
        let name = format!("bench-test-{}", std::process::id());
        let held = hold(&name).unwrap();
        assert!(held.is_some());
        assert!(hold(&name).unwrap().is_none());
        drop(held);
        // A process that another test forks meanwhile holds it too, until it becomes its program.
        let mut tries = (0..5_000).inspect(|_| std::thread::sleep(Duration::from_millis(1)));
        assert!(tries.any(|_| hold(&name).unwrap().is_some()));
    }

    #[test]
    fn a_port_with_a_listener_is_not_free() {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        assert!(!free(listener.local_addr().unwrap().port()));
    }
}

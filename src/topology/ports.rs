//! Reserves ports that no other run takes: below 32768, outside the ephemeral range, each reserved
//! by an abstract socket name while the run lives, and free when taken.
//! docs/decisions/0012-port-names.md explains the names.

use super::holders::holder;
use nix::unistd::geteuid;
use std::io;
use std::net::{Ipv4Addr, TcpListener};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};

/// First port that is tried.
const FIRST: u16 = 18_000;
/// Last port: Dynamo's system port is a signed 16-bit number.
const LAST: u16 = 32_767;

/// Ports reserved for this run. Dropping this releases them.
#[derive(Debug)]
pub(crate) struct Ports {
    numbers: Vec<u16>,
    names: Vec<UnixDatagram>,
    warning: Option<String>,
}

/// Builds the socket name that reserves a port.
type Name<'a> = &'a dyn Fn(u16) -> String;

/// Why ports could not be reserved.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// The kernel refused a socket.
    #[error(
        "failed to hold a port for this run: {0}; if it says too many open files, raise the limit (`ulimit -n`)"
    )]
    Hold(#[source] io::Error),
    /// Most ports are free, but their names are held.
    #[error(
        "failed to hold {wanted} ports: nothing listens on {held} ports between {first} and {last}, but their names (`@bench-port-N` in `ss -xa`) are held by {holder}; end that process, or let an administrator do it"
    )]
    Held {
        /// How many were needed.
        wanted: usize,
        /// How many are free but reserved by name.
        held: usize,
        /// The process that holds one of them.
        holder: String,
        /// First port tried.
        first: u16,
        /// Last port tried.
        last: u16,
    },
    /// All ports are in use.
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
    /// Reserves `wanted` ports.
    ///
    /// # Errors
    /// When a port cannot be reserved, or too few are free.
    pub(crate) fn take(wanted: usize) -> Result<Self, Error> {
        let shared = |number: u16| format!("bench-port-{number}");
        let user = geteuid();
        let own = |number: u16| format!("bench-port-{number}-of-{user}");
        Self::take_named(wanted, &shared, &own)
    }

    /// Reserves ports by their shared names, which exclude the runs of all users. Any user can hold
    /// those names without a run. If that leaves too few ports, the rest is reserved by names that
    /// exclude only this user's runs.
    fn take_named(wanted: usize, shared: Name<'_>, own: Name<'_>) -> Result<Self, Error> {
        let last = LAST.min(ephemeral_first().saturating_sub(1));
        let mut ports = Self {
            numbers: Vec::with_capacity(wanted),
            names: Vec::with_capacity(wanted),
            warning: None,
        };
        // Runs that start together begin at different ports, so that they rarely try the same one.
        let span = u32::from(last.saturating_sub(FIRST)) + 1;
        let offset = std::process::id().wrapping_mul(97) % span;
        let all = (0..span).map(|step| FIRST + u16::try_from((offset + step) % span).unwrap_or(0));
        let held = ports.add(wanted, all, shared)?;
        if ports.numbers.len() == wanted {
            return Ok(ports);
        }
        let found = ports.numbers.len();
        let names: Vec<String> = held.iter().map(|number| shared(*number)).collect();
        let holder = holder(&names);
        ports.add(wanted, held.iter().copied(), own)?;
        let holder = holder.unwrap_or_else(|| "processes that have ended since".into());
        if ports.numbers.len() == wanted {
            ports.warning = Some(format!(
                "the names by which runs hold ports are held by {holder}, {} of them without a listener on the port; this run takes ports without them, and may meet the runs of other users there",
                held.len()
            ));
            return Ok(ports);
        }
        Err(if held.is_empty() {
            Error::Exhausted {
                wanted,
                found,
                first: FIRST,
                last,
            }
        } else {
            Error::Held {
                wanted,
                held: held.len(),
                holder,
                first: FIRST,
                last,
            }
        })
    }

    /// Adds ports until there are `wanted`. Returns the ports that are free but reserved by name.
    fn add(
        &mut self,
        wanted: usize,
        numbers: impl Iterator<Item = u16>,
        name: Name<'_>,
    ) -> Result<Vec<u16>, Error> {
        let mut held = Vec::new();
        for number in numbers {
            if self.numbers.len() == wanted {
                break;
            }
            match hold(&name(number)).map_err(Error::Hold)? {
                // The name is taken before the port is tried: the other way round, two runs could
                // find the same port free.
                Some(socket) if free(number) => {
                    self.numbers.push(number);
                    self.names.push(socket);
                }
                None if free(number) => held.push(number),
                _ => {}
            }
        }
        Ok(held)
    }

    /// A warning about how the ports were reserved.
    #[must_use]
    pub(crate) fn warning(&self) -> Option<&str> {
        self.warning.as_deref()
    }

    /// The ports.
    #[must_use]
    pub(crate) fn numbers(&self) -> &[u16] {
        &self.numbers
    }
}

/// Binds an abstract Unix socket. The kernel releases the name when its holder ends, however it
/// ends. `None` if another process holds the name.
fn hold(name: &str) -> io::Result<Option<UnixDatagram>> {
    match UnixDatagram::bind_addr(&SocketAddr::from_abstract_name(name)?) {
        Ok(held) => Ok(Some(held)),
        Err(error) if error.kind() == io::ErrorKind::AddrInUse => Ok(None),
        Err(error) => Err(error),
    }
}

/// Whether no process listens on this port, on any address.
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
#[path = "tests/ports.rs"]
mod tests;

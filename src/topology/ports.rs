//! Ports that no other run takes: below 32768, outside the ephemeral range, each held by a lock on a file of its own for as
//! long as the run lives, and free when taken.

use nix::errno::Errno;
use nix::fcntl::{Flock, FlockArg};
use std::fs::{File, OpenOptions};
use std::net::{Ipv4Addr, TcpListener};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

/// First port that is tried.
const FIRST: u16 = 18_000;
/// Dynamo's system port is a signed 16-bit number: this is the last.
const LAST: u16 = 32_767;

/// Ports held for this run; dropping it gives them back.
#[derive(Debug)]
pub struct Ports {
    numbers: Vec<u16>,
    _locks: Vec<Flock<File>>,
}

/// Why no ports could be had.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The directory of lock files can't be used.
    #[error("failed to lock ports in {}: {source}; make it writable for everyone (`chmod 1777`) or set TMPDIR", directory.display())]
    Directory {
        /// The directory.
        directory: PathBuf,
        /// Why.
        source: std::io::Error,
    },
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
    /// When the lock files can't be made, or too few ports are free.
    pub fn take(wanted: usize) -> Result<Self, Error> {
        let directory = PathBuf::from("/tmp/bench-ports");
        let failed = |source| Error::Directory {
            directory: directory.clone(),
            source,
        };
        if !directory.is_dir() {
            std::fs::create_dir_all(&directory).map_err(failed)?;
            // Shared by all users of the machine; the sticky bit keeps one from removing another's lock.
            let _ = std::fs::set_permissions(&directory, PermissionsExt::from_mode(0o1777));
        }
        let last = LAST.min(ephemeral_first().saturating_sub(1));
        let mut numbers = Vec::with_capacity(wanted);
        let mut locks = Vec::with_capacity(wanted);
        // Runs started together begin at different places, so that they rarely look at the same port.
        let span = u32::from(last.saturating_sub(FIRST)) + 1;
        let offset = std::process::id().wrapping_mul(97) % span;
        for step in 0..span {
            if numbers.len() == wanted {
                break;
            }
            let number = FIRST + u16::try_from((offset + step) % span).unwrap_or(0);
            if let Some(lock) = lock(&directory, number).map_err(failed)?
                && free(number)
            {
                numbers.push(number);
                locks.push(lock);
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
            _locks: locks,
        })
    }

    /// The ports.
    #[must_use]
    pub fn numbers(&self) -> &[u16] {
        &self.numbers
    }
}

fn lock(directory: &Path, number: u16) -> std::io::Result<Option<Flock<File>>> {
    let path = directory.join(number.to_string());
    let file = match OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .mode(0o666)
        .open(&path)
    {
        Ok(file) => file,
        // Another user's file that we may not open: theirs.
        Err(error) if error.kind() == std::io::ErrorKind::PermissionDenied && path.exists() => {
            return Ok(None);
        }
        Err(error) => return Err(error),
    };
    match Flock::lock(file, FlockArg::LockExclusiveNonblock) {
        Ok(lock) => Ok(Some(lock)),
        Err((_, Errno::EWOULDBLOCK)) => Ok(None),
        Err((_, errno)) => Err(errno.into()),
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
    fn a_port_with_a_listener_is_not_free() {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        assert!(!free(listener.local_addr().unwrap().port()));
    }
}

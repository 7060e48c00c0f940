//! Decides which files and directories on disk can be trusted. A directory is used only if it
//! belongs to the effective user, nobody else can write to it, and every parent up to `/` belongs
//! to that user or to root. A parent that others can write to must be sticky, as `/tmp` is: only
//! the owner of an entry can then replace it.

use nix::libc;
use nix::unistd::{Group, User, geteuid};
use std::ffi::OsString;
use std::fs::{DirBuilder, File, FileType, Metadata, OpenOptions, symlink_metadata};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{DirBuilderExt, FileTypeExt, MetadataExt, OpenOptionsExt};
use std::path::{Component, Path, PathBuf};

/// Most symbolic links that are followed in one path, as in the kernel.
const LINKS: usize = 40;
/// Mode bits that let other users write.
const OTHERS_WRITE: u32 = 0o022;
const GROUP_WRITES: u32 = 0o020;
const STICKY: u32 = 0o1000;

/// Why a file or directory is not trusted.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Untrusted {
    /// It belongs to another user.
    #[error("{} belongs to user {owner}, expected user {expected}", .path.display())]
    Owner {
        /// The file or directory.
        path: PathBuf,
        /// User id of its owner.
        owner: u32,
        /// User id of the effective user.
        expected: u32,
    },
    /// Other users can change it.
    #[error("other users can write to {} (mode {mode:04o}); correct it with: chmod go-w {}", .path.display(), .path.display())]
    Writable {
        /// The file or directory.
        path: PathBuf,
        /// Its mode bits.
        mode: u32,
    },
    /// Its mode is not the one that it was created with.
    #[error("{} has mode {mode:04o}, expected 0700", .path.display())]
    Mode {
        /// The directory.
        path: PathBuf,
        /// Its mode bits.
        mode: u32,
    },
    /// It is a pipe, a link, a device, ...
    #[error("{} is {found}, expected {expected}", .path.display())]
    Kind {
        /// The file or directory.
        path: PathBuf,
        /// What it is, such as `a FIFO`.
        found: &'static str,
        /// What it should be, such as `a regular file`.
        expected: &'static str,
    },
    /// A directory is not marked as the run's.
    #[error("{} is not marked as a directory of run {run_id}", .path.display())]
    Unmarked {
        /// The directory.
        path: PathBuf,
        /// The run.
        run_id: String,
    },
    /// A directory is not in a directory for runs.
    #[error("{} is not in a directory for runs of this user", .path.display())]
    Elsewhere {
        /// The directory.
        path: PathBuf,
    },
    /// A system call failed.
    #[error("failed to use {}: {source}", .path.display())]
    Failed {
        /// The file or directory.
        path: PathBuf,
        /// The system's error.
        source: io::Error,
    },
}

impl Untrusted {
    pub(super) fn failed(path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Failed { path, source }
    }

    /// Whether the error only means that nothing exists there.
    pub(super) fn is_missing(&self) -> bool {
        matches!(self, Self::Failed { source, .. } if source.kind() == ErrorKind::NotFound)
    }
}

/// A checked path, as far as it exists.
struct Walk {
    /// The existing part, without links.
    there: PathBuf,
    data: Metadata,
    /// The components that do not exist, in reverse order.
    missing: Vec<OsString>,
}

/// Checks a directory that only this user can change. Returns its path without links.
pub(super) fn directory(path: &Path) -> Result<PathBuf, Untrusted> {
    let Walk {
        there,
        data,
        missing,
    } = walk(path)?;
    if !missing.is_empty() {
        return Err(Untrusted::failed(path)(ErrorKind::NotFound.into()));
    }
    check_directory(&there, &data)?;
    Ok(there)
}

/// As [`directory`], created if it does not exist.
pub(super) fn make_directory(path: &Path) -> Result<PathBuf, Untrusted> {
    let mut walk = walk(path)?;
    while let Some(name) = walk.missing.pop() {
        walk.there.push(name);
        match DirBuilder::new().mode(0o700).create(&walk.there) {
            Err(error) if error.kind() != ErrorKind::AlreadyExists => {
                return Err(Untrusted::failed(&walk.there)(error));
            }
            // It exists already; whoever created it, the check below decides.
            _ => {}
        }
    }
    directory(path)
}

/// Checks a directory in which this user may create entries of its own, such as `/tmp`. Returns its
/// path without links.
pub(super) fn parent(path: &Path) -> Result<PathBuf, Untrusted> {
    let walk = walk(path)?;
    if !walk.missing.is_empty() {
        return Err(Untrusted::failed(path)(ErrorKind::NotFound.into()));
    }
    Ok(walk.there)
}

/// Checks that only this user or root can change the content of a directory, or of one created
/// there.
///
/// # Errors
/// Who else can.
pub(crate) fn check(path: &Path) -> Result<(), Untrusted> {
    let walk = walk(path)?;
    if walk.missing.is_empty() && walk.data.mode() & OTHERS_WRITE != 0 {
        return Err(writable(&walk.there, &walk.data));
    }
    Ok(())
}

/// Opens a regular file of this user that nobody else can write to. Follows no link and waits for
/// no pipe.
pub(super) fn open(path: &Path, options: &mut OpenOptions) -> Result<File, Untrusted> {
    let failed = || Untrusted::failed(path);
    // Opening a device can have effects, so check the name first. Between check and open it may be
    // replaced, so check the open file again.
    regular(path, &symlink_metadata(path).map_err(failed())?)?;
    // Without O_NONBLOCK, opening a FIFO would wait for a writer; without O_NOCTTY, a terminal
    // could become the controlling one.
    let flags = libc::O_NOFOLLOW | libc::O_NONBLOCK | libc::O_NOCTTY;
    let file = options.custom_flags(flags).open(path).map_err(failed())?;
    regular(path, &file.metadata().map_err(failed())?)?;
    Ok(file)
}

fn regular(path: &Path, data: &Metadata) -> Result<(), Untrusted> {
    if !data.is_file() {
        return Err(Untrusted::Kind {
            path: path.to_owned(),
            found: kind(data.file_type()),
            expected: "a regular file",
        });
    }
    check_owner_and_mode(path, data)
}

fn check_directory(path: &Path, data: &Metadata) -> Result<(), Untrusted> {
    if !data.is_dir() {
        return Err(Untrusted::Kind {
            path: path.to_owned(),
            found: kind(data.file_type()),
            expected: "a directory",
        });
    }
    check_owner_and_mode(path, data)
}

fn check_owner_and_mode(path: &Path, data: &Metadata) -> Result<(), Untrusted> {
    let expected = geteuid().as_raw();
    if data.uid() != expected {
        return Err(Untrusted::Owner {
            path: path.to_owned(),
            owner: data.uid(),
            expected,
        });
    }
    if data.mode() & OTHERS_WRITE != 0 {
        return Err(writable(path, data));
    }
    Ok(())
}

fn writable(path: &Path, data: &Metadata) -> Untrusted {
    Untrusted::Writable {
        path: path.to_owned(),
        mode: data.mode() & 0o7777,
    }
}

/// Checks every component of a path, including links and their targets.
fn walk(path: &Path) -> Result<Walk, Untrusted> {
    let path = &std::path::absolute(path).map_err(Untrusted::failed(path))?;
    let mut there = PathBuf::from("/");
    let look = |at: &Path| symlink_metadata(at).map_err(Untrusted::failed(at));
    let root = look(&there)?;
    let mut data = root.clone();
    let mut left = components(path);
    let mut links = 0;
    while let Some(name) = left.pop() {
        if !data.is_dir() {
            check_directory(&there, &data)?;
        }
        safe_parent(&there, &data)?;
        if name == ".." {
            there.pop();
            data = look(&there)?;
            continue;
        }
        let next = there.join(&name);
        let found = match symlink_metadata(&next) {
            Ok(found) => found,
            Err(error) if error.kind() == ErrorKind::NotFound => {
                left.push(name);
                break;
            }
            Err(error) => return Err(Untrusted::failed(&next)(error)),
        };
        owned_by_us_or_root(&next, &found, root.uid())?;
        if found.is_symlink() {
            links += 1;
            if links > LINKS {
                let source = io::Error::from_raw_os_error(libc::ELOOP);
                return Err(Untrusted::failed(&next)(source));
            }
            let target = std::fs::read_link(&next).map_err(Untrusted::failed(&next))?;
            if target.is_absolute() {
                there = PathBuf::from("/");
                data = root.clone();
            }
            left.append(&mut components(&target));
            continue;
        }
        there = next;
        data = found;
    }
    if data.is_dir() {
        safe_parent(&there, &data)?;
    }
    Ok(Walk {
        there,
        data,
        missing: left,
    })
}

/// The components of a path, in reverse order.
fn components(path: &Path) -> Vec<OsString> {
    path.components()
        .rev()
        .filter(|part| matches!(part, Component::Normal(_) | Component::ParentDir))
        .map(|part| part.as_os_str().to_owned())
        .collect()
}

/// The owner of `/` counts as root: in a user namespace that does not map root, both appear as the
/// overflow user.
fn owned_by_us_or_root(path: &Path, data: &Metadata, root: u32) -> Result<(), Untrusted> {
    let expected = geteuid().as_raw();
    if [expected, 0, root].contains(&data.uid()) {
        return Ok(());
    }
    Err(Untrusted::Owner {
        path: path.to_owned(),
        owner: data.uid(),
        expected,
    })
}

fn safe_parent(path: &Path, data: &Metadata) -> Result<(), Untrusted> {
    let others = data.mode() & OTHERS_WRITE;
    let private = || others == GROUP_WRITES && is_private_group(data) && !has_acl(path);
    if others == 0 || data.mode() & STICKY != 0 || private() {
        return Ok(());
    }
    Err(writable(path, data))
}

/// Whether a directory's group is the private group that many systems create for each user: it has
/// the user's name and no other member.
fn is_private_group(data: &Metadata) -> bool {
    let user = geteuid();
    if user.is_root() || data.uid() != user.as_raw() {
        return false;
    }
    let (Ok(Some(user)), Ok(Some(group))) =
        (User::from_uid(user), Group::from_gid(data.gid().into()))
    else {
        return false;
    };
    user.gid == group.gid
        && user.name == group.name
        && group.mem.iter().all(|member| *member == user.name)
}

/// Whether an access control list may name other users. The group bits of the mode are then only an
/// upper limit.
fn has_acl(path: &Path) -> bool {
    let mut value = [0_u8; 0];
    !matches!(
        rustix::fs::lgetxattr(path, "system.posix_acl_access", &mut value[..]),
        Err(rustix::io::Errno::NODATA | rustix::io::Errno::OPNOTSUPP)
    )
}

fn kind(kind: FileType) -> &'static str {
    if kind.is_symlink() {
        "a symbolic link"
    } else if kind.is_dir() {
        "a directory"
    } else if kind.is_fifo() {
        "a FIFO"
    } else if kind.is_socket() {
        "a socket"
    } else if kind.is_file() {
        "a file"
    } else {
        "a device"
    }
}

#[cfg(test)]
mod tests;

//! How processes are contained, in case even their warden is killed. In a PID namespace, the warden
//! is the first process, and the kernel kills the others with it. In a cgroup, a later `bench`
//! kills all of them at once. Without either, the kernel kills the processes that the warden itself
//! started; their descendants are found through the registry.

use super::link::Link;
use super::proc;
use super::process::{self, Bond};
use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, unshare};
use nix::sys::signal::{Signal, kill};
use nix::sys::statfs::{CGROUP2_SUPER_MAGIC, statfs};
use nix::sys::statvfs::statvfs;
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::{Pid, getegid, geteuid};
use serde::{Deserialize, Serialize};
use std::fs::File;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

const SHARED_MEMORY: &str = "/dev/shm";
/// Default directory of the CUDA MPS server, unless CUDA_MPS_PIPE_DIRECTORY is set.
const MPS: &str = "/tmp/nvidia-mps";
/// Prefix of the names of cgroups.
const PREFIX: &str = "bench-";

/// How long a killed process may take to leave its cgroup.
const DYING: Duration = Duration::from_secs(2);

/// How processes are contained, strongest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Containment {
    /// A PID namespace.
    Namespace,
    /// A cgroup (version 2).
    Cgroup,
    /// Parent-death signals and process groups.
    Plain,
}

impl Containment {
    /// Every containment, strongest first.
    pub(crate) const ALL: [Self; 3] = [Self::Namespace, Self::Cgroup, Self::Plain];

    /// `namespace`, `cgroup` or `plain`, the values of BENCH_TIER and of the record.
    #[must_use]
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Namespace => "namespace",
            Self::Cgroup => "cgroup",
            Self::Plain => "plain",
        }
    }

    /// Tries whether this machine supports it. Leaves nothing behind.
    ///
    /// # Errors
    /// Why it is not supported.
    pub(crate) fn try_out(self) -> Result<(), String> {
        Link::start(self, "doctor", Path::new("/dev/null"), None, &|| false)
            .map(Link::end)
            .map_err(|error| error.to_string())
    }
}

/// Creates a PID namespace, runs `warden` as its first process with the outer `/proc` as standard
/// output, forwards signals and returns the warden's exit code.
///
/// # Errors
/// When the kernel allows no namespace here; nothing was started then.
pub(super) fn run_in_namespace(warden: &mut Command) -> io::Result<i32> {
    let mut polite = process::polite_signals();
    polite.add(Signal::SIGCHLD);
    // Blocked before the child exists, so that no SIGCHLD is lost before `wait` below.
    polite.thread_block()?;
    isolate()?;
    // Opened before the namespace's own /proc is mounted over it. The warden learns pids of the
    // outside through this descriptor.
    warden.stdout(Stdio::from(File::open("/proc")?));
    let first = Pid::from_raw(process::spawn(warden, Bond::First)?.id().cast_signed());
    loop {
        match polite.wait()? {
            Signal::SIGCHLD => {}
            signal => kill(first, signal)?,
        }
        match waitpid(first, Some(WaitPidFlag::WNOHANG))? {
            WaitStatus::Exited(_, code) => return Ok(code),
            WaitStatus::Signaled(_, signal, _) => return Ok(128 + signal as i32),
            _ => {}
        }
    }
}

/// Makes the next child the first process of a new PID namespace. A mount namespace lets it have
/// its own `/proc`, and shared memory of the outer size that disappears with it. An unprivileged
/// user does this as owner of a user namespace that maps its own ids to themselves.
fn isolate() -> io::Result<()> {
    // Any user may create a directory of this name. Only an MPS server of this user or root is one
    // that engines would use.
    let served = std::fs::symlink_metadata(MPS)
        .is_ok_and(|data| [0, geteuid().as_raw()].contains(&data.uid()));
    if std::env::var_os("CUDA_MPS_PIPE_DIRECTORY").is_some() || served {
        return Err(io::Error::other(
            "CUDA MPS is in use, whose clients share memory with its server",
        ));
    }
    let flags = CloneFlags::CLONE_NEWPID | CloneFlags::CLONE_NEWNS;
    let (user, group) = (geteuid(), getegid());
    if unshare(flags).is_err() {
        // The kernel lets an unprivileged user write gid_map only after setgroups is denied
        // (user_namespaces(7)).
        unshare(flags | CloneFlags::CLONE_NEWUSER)?;
        std::fs::write("/proc/self/setgroups", "deny")?;
        std::fs::write("/proc/self/uid_map", format!("{user} {user} 1"))?;
        std::fs::write("/proc/self/gid_map", format!("{group} {group} 1"))?;
    }
    // With MS_SLAVE, later mounts outside appear here, but mounts made here do not appear outside.
    let flags = MsFlags::MS_REC | MsFlags::MS_SLAVE;
    // Before any other mount: with shared propagation, the tmpfs below would cover the machine's
    // own /dev/shm.
    mount(None::<&str>, "/", None::<&str>, flags, None::<&str>)?;
    let memory = statvfs(SHARED_MEMORY)?;
    let size = memory.blocks() * memory.fragment_size();
    mount(
        Some("tmpfs"),
        SHARED_MEMORY,
        Some("tmpfs"),
        MsFlags::MS_NOSUID | MsFlags::MS_NODEV,
        Some(format!("mode=1777,size={size}").as_str()),
    )?;
    Ok(())
}

/// Whether `parent` (its pid outside) is still the parent of this first process of a namespace.
pub(super) fn is_parent(parent: i32) -> bool {
    proc::parent_outside() == Some(parent)
}

/// A cgroup for the processes of one topology.
#[derive(Debug)]
pub(super) struct Cgroup {
    path: PathBuf,
}

impl Cgroup {
    /// Path of this process's own cgroup: below the cgroup it is in, under a name that no other
    /// process has had.
    ///
    /// # Errors
    /// If there is no cgroup v2.
    pub(super) fn place() -> io::Result<PathBuf> {
        let me = std::process::id();
        let start = proc::stat(me.cast_signed()).map_or(0, |stat| stat.start);
        Ok(own_cgroup()?.join(format!("{PREFIX}{me}-{start}")))
    }

    /// Creates the cgroup.
    ///
    /// # Errors
    /// If it is not delegated to this user, or the kernel has no cgroup.kill (before Linux 5.14).
    pub(super) fn create(path: PathBuf) -> io::Result<Self> {
        std::fs::create_dir(&path)?;
        let cgroup = Self { path };
        if !cgroup.path.join("cgroup.kill").exists() {
            return Err(io::Error::other("this kernel has no cgroup.kill"));
        }
        // Opening the file shows whether this user may move processes into the cgroup.
        cgroup.procs()?;
        Ok(cgroup)
    }

    /// Opens the file through which a process joins it.
    pub(super) fn procs(&self) -> io::Result<File> {
        File::options()
            .write(true)
            .open(self.path.join("cgroup.procs"))
    }

    /// Kills all processes in it.
    pub(super) fn kill(&self) {
        kill_cgroup(&self.path);
    }
}

impl Drop for Cgroup {
    fn drop(&mut self) {
        remove_cgroup(&self.path);
    }
}

/// Kills all processes in a cgroup and below it. The kernel includes processes that are being
/// forked (cgroups(7), cgroup.kill).
pub(super) fn kill_cgroup(path: &Path) {
    // A cgroup that is gone has no processes.
    let _ = std::fs::write(path.join("cgroup.kill"), "1");
}

/// Whether this is a cgroup v2 of this user that a warden created, judging by its name.
pub(super) fn is_cgroup(path: &Path) -> bool {
    let name = path.file_name().and_then(|name| name.to_str());
    let rest = name.and_then(|name| name.strip_prefix(PREFIX));
    let parent = path.parent().and_then(|parent| parent.canonicalize().ok());
    let is_number = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    // Pid and start time; older versions used the pid alone.
    rest.is_some_and(|rest| rest.splitn(2, '-').all(is_number))
        // The path must contain no link and no `..`.
        && parent.as_deref() == path.parent()
        && proc::is_mine(path)
        && statfs(path).is_ok_and(|system| system.filesystem_type() == CGROUP2_SUPER_MAGIC)
}

/// The inode of a cgroup. No other cgroup gets it before the next boot.
pub(super) fn inode(path: &Path) -> Option<u64> {
    std::fs::symlink_metadata(path).ok().map(|data| data.ino())
}

/// The processes in a cgroup and below it.
pub(super) fn members(path: &Path) -> Vec<i32> {
    let told = std::fs::read_to_string(path.join("cgroup.procs")).unwrap_or_default();
    let mut found: Vec<i32> = told.lines().filter_map(|pid| pid.parse().ok()).collect();
    for inner in below(path) {
        found.extend(members(&inner));
    }
    found
}

/// Removes a cgroup and those below it, once the killed processes have ended. Returns whether they
/// are gone.
pub(super) fn remove_cgroup(path: &Path) -> bool {
    let until = Instant::now() + DYING;
    loop {
        remove_empty(path);
        if !path.exists() {
            return true;
        }
        if Instant::now() > until {
            return false;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn remove_empty(path: &Path) {
    for inner in below(path) {
        remove_empty(&inner);
    }
    let _ = std::fs::remove_dir(path);
}

/// The direct children of a cgroup.
fn below(path: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(path).into_iter().flatten().flatten();
    entries
        .filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()))
        .map(|entry| entry.path())
        .collect()
}

/// The directory of the cgroup v2 that this process is in.
fn own_cgroup() -> io::Result<PathBuf> {
    let none = || io::Error::other("there is no cgroup of version 2");
    let mounts = std::fs::read_to_string("/proc/self/mounts")?;
    let mount = mounts
        .lines()
        .map(|line| line.split(' ').collect::<Vec<_>>())
        .find(|fields| fields.get(2) == Some(&"cgroup2"))
        .and_then(|fields| fields.get(1).map(PathBuf::from))
        .ok_or_else(none)?;
    let groups = std::fs::read_to_string("/proc/self/cgroup")?;
    let own = groups
        .lines()
        .find_map(|line| line.strip_prefix("0::/"))
        .ok_or_else(none)?;
    Ok(mount.join(own))
}

//! How firmly processes are held, should even their warden be killed. In a PID namespace, whose first process the warden
//! is, the kernel kills them with it. In a cgroup, whoever comes next kills them all at once. Without either, the kernel
//! kills those that the warden itself started, and their descendants are left to the registry.

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
/// Where the server of CUDA MPS is met, unless CUDA_MPS_PIPE_DIRECTORY says otherwise.
const MPS: &str = "/tmp/nvidia-mps";
/// What the names of cgroups begin with.
const PREFIX: &str = "bench-";

/// How long a process that was killed may take to leave its cgroup.
const DYING: Duration = Duration::from_secs(2);

/// How firmly processes are held; firmest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "snake_case")]
pub enum Containment {
    /// A PID namespace.
    Namespace,
    /// A cgroup of version 2.
    Cgroup,
    /// Parents and groups.
    Plain,
}

impl Containment {
    /// Every containment, strongest first.
    pub const ALL: [Self; 3] = [Self::Namespace, Self::Cgroup, Self::Plain];

    /// `namespace`, `cgroup`, `plain`: as records and BENCH_TIER name it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Namespace => "namespace",
            Self::Cgroup => "cgroup",
            Self::Plain => "plain",
        }
    }

    /// Whether this machine has it; nothing stays.
    ///
    /// # Errors
    /// Why not.
    pub fn try_out(self) -> Result<(), String> {
        Link::start(self, "doctor", Path::new("/dev/null"), None, &|| false)
            .map(Link::end)
            .map_err(|error| error.to_string())
    }
}

/// Makes a PID namespace, runs `warden` as its first process with our own `/proc` as its standard output, passes the
/// polite signals on and returns the warden's exit code.
///
/// # Errors
/// When the kernel allows no namespace here; nothing was started then.
pub(super) fn enclose(warden: &mut Command) -> io::Result<i32> {
    let mut polite = process::polite_signals();
    polite.add(Signal::SIGCHLD);
    polite.thread_block()?;
    isolate()?;
    // Taken before the namespace's own is laid over it.
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

/// The next child of this process is the first of a PID namespace; mounts are our own, so that it can have its own
/// `/proc`, and shared memory, as large as outside, that goes with it. Who may not do so does it as the owner of a user namespace, in which every name stays as it is.
fn isolate() -> io::Result<()> {
    // Anyone may make a directory of that name; only a server of ours or of root's matters.
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
        unshare(flags | CloneFlags::CLONE_NEWUSER)?;
        std::fs::write("/proc/self/setgroups", "deny")?;
        std::fs::write("/proc/self/uid_map", format!("{user} {user} 1"))?;
        std::fs::write("/proc/self/gid_map", format!("{group} {group} 1"))?;
    }
    // What is mounted outside is still seen here, but not the other way round.
    let flags = MsFlags::MS_REC | MsFlags::MS_SLAVE;
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

/// Whether `parent`, a pid outside, is still the parent of this first process of a namespace.
pub(super) fn is_parent(parent: i32) -> bool {
    proc::parent_outside() == Some(parent)
}

/// A cgroup of the topology's own.
#[derive(Debug)]
pub(super) struct Cgroup {
    path: PathBuf,
}

impl Cgroup {
    /// Where this process's own would be: below the cgroup that it is in, under a name that no other process had.
    ///
    /// # Errors
    /// Where there is no cgroup v2.
    pub(super) fn place() -> io::Result<PathBuf> {
        let me = std::process::id();
        let start = proc::stat(me.cast_signed()).map_or(0, |stat| stat.start);
        Ok(own_cgroup()?.join(format!("{PREFIX}{me}-{start}")))
    }

    /// Makes it.
    ///
    /// # Errors
    /// Where it is not delegated to this user, or can't kill (before Linux 5.14).
    pub(super) fn create(path: PathBuf) -> io::Result<Self> {
        std::fs::create_dir(&path)?;
        let cgroup = Self { path };
        if !cgroup.path.join("cgroup.kill").exists() {
            return Err(io::Error::other("this kernel has no cgroup.kill"));
        }
        cgroup.procs()?;
        Ok(cgroup)
    }

    /// Where a process joins it.
    pub(super) fn procs(&self) -> io::Result<File> {
        File::options()
            .write(true)
            .open(self.path.join("cgroup.procs"))
    }

    /// Kills all that is in it.
    pub(super) fn kill(&self) {
        kill_cgroup(&self.path);
    }
}

impl Drop for Cgroup {
    fn drop(&mut self) {
        remove_cgroup(&self.path);
    }
}

/// Kills all that is in a cgroup and below it, also what is being forked.
pub(super) fn kill_cgroup(path: &Path) {
    // One that is gone holds nothing.
    let _ = std::fs::write(path.join("cgroup.kill"), "1");
}

/// Whether this is a cgroup v2 of this user's that a warden made, by its name.
pub(super) fn is_cgroup(path: &Path) -> bool {
    let name = path.file_name().and_then(|name| name.to_str());
    let rest = name.and_then(|name| name.strip_prefix(PREFIX));
    let parent = path.parent().and_then(|parent| parent.canonicalize().ok());
    let is_number = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    // Pid and start; older ones had the pid alone.
    rest.is_some_and(|rest| rest.splitn(2, '-').all(is_number))
        // Through no link, and not by way of `..`.
        && parent.as_deref() == path.parent()
        && proc::mine(path)
        && statfs(path).is_ok_and(|system| system.filesystem_type() == CGROUP2_SUPER_MAGIC)
}

/// A cgroup's inode, which no other gets before the next boot.
pub(super) fn inode(path: &Path) -> Option<u64> {
    std::fs::symlink_metadata(path).ok().map(|data| data.ino())
}

/// The processes in a cgroup and in those below it.
pub(super) fn members(path: &Path) -> Vec<i32> {
    let told = std::fs::read_to_string(path.join("cgroup.procs")).unwrap_or_default();
    let mut found: Vec<i32> = told.lines().filter_map(|pid| pid.parse().ok()).collect();
    for inner in below(path) {
        found.extend(members(&inner));
    }
    found
}

/// Removes a cgroup and those below it, once what was killed in them has ended; whether they are gone.
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

/// The cgroups right below one.
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

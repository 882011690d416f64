//! A disk small enough to be filled: a tmpfs, where the machine lets this process mount one.

use anyhow::{Context, Result, bail};
use std::fs::File;
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::process::Command;

/// Written at once while filling: the space left is then less than one page of a file.
const CHUNKS: [usize; 3] = [1 << 20, 4096, 1];
/// What a campaign writes fits with room; memory is taken only for what is written.
const SIZE_MIB: u32 = 256;

/// What the system shows as the mounted device, before the id of the process that mounted it.
const NAME: &str = "gapless-campaign-";

/// A mounted tmpfs. Dropping it unmounts it.
#[derive(Debug)]
pub(crate) struct SmallDisk {
    at: PathBuf,
}

impl SmallDisk {
    /// Mounts it at this folder, which is made.
    ///
    /// # Errors
    /// When this process may not mount.
    pub(crate) fn mount(at: &Path) -> Result<SmallDisk> {
        std::fs::create_dir_all(at).with_context(|| format!("cannot make {}", at.display()))?;
        sweep();
        let options = format!("size={SIZE_MIB}m,nosuid,nodev,noexec");
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", &options, &format!("{NAME}{}", std::process::id())]).arg(at);
        run(mount).with_context(|| format!("cannot mount a tmpfs at {}", at.display()))?;
        Ok(SmallDisk { at: at.to_owned() })
    }

    /// Takes all the space that is left.
    pub(crate) fn fill(&self) -> Result<()> {
        let mut ballast = File::options().create(true).append(true).open(self.ballast())?;
        for size in CHUNKS {
            let chunk = vec![0u8; size];
            loop {
                match ballast.write(&chunk) {
                    Ok(written) if written > 0 => {}
                    Ok(_) => break,
                    Err(error) if error.kind() == ErrorKind::Interrupted => {}
                    Err(error) if error.kind() == ErrorKind::StorageFull => break,
                    Err(error) => return Err(error).context("cannot fill the disk"),
                }
            }
        }
        Ok(())
    }

    /// Gives the space back.
    pub(crate) fn free(&self) -> Result<()> {
        match std::fs::remove_file(self.ballast()) {
            Err(error) if error.kind() != ErrorKind::NotFound => Err(error).context("cannot free the disk"),
            _ => Ok(()),
        }
    }

    fn ballast(&self) -> PathBuf {
        self.at.join("ballast")
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // Lazily: a process that was killed a moment ago may still hold a file.
        let mut unmount = Command::new("umount");
        unmount.arg("--lazy").arg(&self.at);
        if let Err(error) = run(unmount) {
            eprintln!("{} stays mounted: {error:#}", self.at.display());
        }
    }
}

/// Unmounts what a campaign left that was killed before it could.
fn sweep() {
    let mounts = std::fs::read_to_string("/proc/mounts").unwrap_or_default();
    for line in mounts.lines() {
        let Some((pid, rest)) = line.strip_prefix(NAME).and_then(|line| line.split_once(' ')) else {
            continue;
        };
        let Some(at) = rest.split(' ').next() else { continue };
        if !Path::new("/proc").join(pid).exists() {
            drop(SmallDisk { at: PathBuf::from(at) });
        }
    }
}

/// The system's own programs know how; they say why when they may not.
fn run(mut command: Command) -> Result<()> {
    let done = command.output()?;
    if !done.status.success() {
        bail!("{}", String::from_utf8_lossy(&done.stderr).trim());
    }
    Ok(())
}

//! Opening a folder of artifacts after whatever happened to the process before, and removing one.

use super::held::Held;
use super::troubles::Troubles;
use super::{Complete, Shelf, ShelfSettings};
use crate::artifact::{Artifact, is_gone, put_aside};
use crate::error::Error;
use crate::manifest::{MANIFEST, Manifest, State};
use crate::name::{DAMAGED, NEW, REMOVING};
use crate::retired::Retired;
use gapless_disk::{Disk, RealDisk, is_leftover};
use std::collections::{BTreeMap, HashMap};
use std::path::Path;

/// Held while a process writes artifacts there.
const LOCK: &str = ".lock";

impl Shelf {
    /// Opens or makes the folder, and removes what a killed writer left.
    ///
    /// # Errors
    /// [`Error::Owned`] when another process writes there; [`Error::Write`]; [`Error::Damaged`].
    pub(crate) fn open(settings: ShelfSettings) -> Result<Shelf, Error> {
        let base = settings.folder.clone();
        let io = |e| Error::write(&base, e);
        Error::if_no_folder(&base, "artifact_dir")?;
        std::fs::create_dir_all(&base).map_err(io)?;
        let lock = RealDisk.lock(&base.join(LOCK)).map_err(io)?;
        let lock = lock.ok_or_else(|| Error::Owned { path: base.clone() })?;
        for name in RealDisk.list(&base).map_err(io)?.into_iter().filter(|name| is_leftover(name)) {
            let path = base.join(name);
            warn_if_left(&path, std::fs::remove_file(&path));
        }
        let retired = Retired::load(&base)?;
        let mut shelf = Shelf {
            settings,
            live: BTreeMap::new(),
            next: 0,
            by_name: HashMap::new(),
            open_in: HashMap::new(),
            waiting: (0, 0),
            held: Held::default(),
            troubles: Troubles::default(),
            is_stuck: false,
            complete: Vec::new(),
            stands: HashMap::new(),
            retired,
            next_retention: None,
            next_look: None,
            superseded: HashMap::new(),
            _lock: lock,
        };
        for (topic, stand) in shelf.retired.stands() {
            if let Ok(key) = topic.parse() {
                shelf.stands.insert(key, stand);
            }
        }
        let mut found = shelf.manifests()?;
        // The newest of a stream says where it stands.
        found.sort_by_key(|(manifest, _)| manifest.number);
        for (manifest, folder) in found {
            for record in &manifest.streams {
                if let Some(key) = record.key() {
                    shelf.stands.insert(key, record.stand());
                }
            }
            match manifest.state {
                State::Complete => shelf.complete.push(Complete::of(&folder, &manifest)),
                State::Live => {
                    shelf.put(Artifact::open(&folder, manifest));
                }
            }
        }
        Ok(shelf)
    }

    /// Every manifest below the folder, with its own.
    fn manifests(&self) -> Result<Vec<(Manifest, std::path::PathBuf)>, Error> {
        let base = &self.settings.folder;
        let io = |e| Error::write(base, e);
        let mut found = Vec::new();
        for entry in std::fs::read_dir(base).map_err(io)? {
            let entry = entry.map_err(io)?;
            let (folder, name) = (entry.path(), entry.file_name().to_string_lossy().into_owned());
            if !entry.file_type().map_err(io)?.is_dir() || name.starts_with(DAMAGED) {
                continue;
            }
            if name.starts_with(NEW) || name.starts_with(REMOVING) {
                tracing::info!(folder = %folder.display(), "removing what an earlier run left unfinished");
                warn_if_left(&folder, std::fs::remove_dir_all(&folder));
                continue;
            }
            let bytes = match std::fs::read(folder.join(MANIFEST)) {
                Ok(bytes) => bytes,
                Err(error) => {
                    tracing::warn!(folder = %folder.display(), %error,
                        "no artifact: its manifest cannot be read; it is let be until it is in the way of one");
                    continue;
                }
            };
            match Manifest::parse(&bytes) {
                Ok(manifest) if manifest.group == self.settings.group => found.push((manifest, folder)),
                Ok(manifest) => return Err(regrouped(&folder, &manifest)),
                Err(reason) => damaged(base, &name, &reason),
            }
        }
        Ok(found)
    }

    /// Whether the folder is still the one that was opened. On one that was removed, or whose disk is gone, nothing is
    /// begun: what was written may come back.
    pub(super) fn check_home(&self) -> Result<(), Error> {
        match is_gone(&self.settings.folder.join(LOCK))? {
            true => Err(Error::FolderGone { path: self.settings.folder.clone() }),
            false => Ok(()),
        }
    }

    /// Removes a complete artifact; where its streams stood is written down first.
    pub(super) fn remove(&mut self, folder: &Path) -> Result<(), Error> {
        let base = self.settings.folder.clone();
        let path = folder.join(MANIFEST);
        if is_gone(&path)? {
            self.check_home()?;
            tracing::warn!(artifact = %folder.display(), "somebody else removed an artifact or its manifest: it is let be");
            return Ok(());
        }
        let bytes = std::fs::read(&path).map_err(|e| Error::write(&path, e))?;
        match Manifest::parse(&bytes) {
            Ok(manifest) => {
                self.retired.add(&manifest);
                self.retired.save(&base)?;
            }
            Err(reason) => {
                tracing::error!(folder = %folder.display(), reason, "a damaged artifact is removed")
            }
        }
        let name = folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let going = base.join(format!("{REMOVING}{name}"));
        let removed = std::fs::rename(folder, &going)
            .and_then(|()| RealDisk.sync_dir(&base))
            .and_then(|()| std::fs::remove_dir_all(&going));
        removed.map_err(|e| Error::write(folder, e))?;
        tracing::info!(artifact = %folder.display(), "artifact removed by retention");
        Ok(())
    }
}

/// A folder's artifacts are all of one group: two cursors of one stream would contradict each other.
fn regrouped(folder: &Path, manifest: &Manifest) -> Error {
    let was = format!("{:?}", manifest.group).to_lowercase();
    Error::Config(format!(
        "{} was written with group = \"{was}\": keep that, or choose another artifact_dir",
        folder.display()
    ))
}

/// Without its manifest an artifact says nothing; its rows come again from backfill, into a new one.
fn damaged(base: &Path, name: &str, reason: &str) {
    let folder = base.join(name);
    match put_aside(base, name) {
        Ok(aside) => tracing::error!(folder = %folder.display(), reason, aside = %aside.display(),
            "a manifest is damaged: its folder is put aside, and its rows are written anew"),
        // The next artifact of that name finds it in the way, and tries again.
        Err(error) => tracing::error!(folder = %folder.display(), reason, %error,
            "a manifest is damaged, and its folder cannot be put aside"),
    }
}

/// A leftover that stays harms nothing: it is passed over.
fn warn_if_left(path: &Path, removed: std::io::Result<()>) {
    if let Err(error) = removed {
        tracing::warn!(path = %path.display(), %error, "what an earlier run left unfinished stays");
    }
}

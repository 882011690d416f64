//! An artifact's folder: begun, opened again, and rid of what its manifest does not name.

use super::{Artifact, Slot};
use crate::clock;
use crate::error::Error;
use crate::latest::{Board, LatestRow};
use crate::manifest::{FORMAT, Group, LATEST, MANIFEST, Manifest, Part, Program, Session, State, VERSION};
use crate::name;
use crate::part;
use gapless_disk::{Disk, RealDisk, is_leftover, write_atomically};
use gapless_model::{Batch, Epoch, StreamKey};
use std::collections::BTreeSet;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

impl Artifact {
    /// Begins the `number`th artifact called `name` below `base`: its folder appears with its manifest.
    pub(crate) fn begin(
        base: &Path,
        group: Group,
        name: &str,
        number: u64,
        session: Session,
    ) -> Result<Artifact, Error> {
        let now = clock::text(clock::now());
        let head = Manifest {
            format: FORMAT.into(),
            version: VERSION,
            written_by: this_program(),
            group,
            name: name.to_owned(),
            number,
            created_at: now.clone(),
            updated_at: now,
            completed_at: None,
            state: State::Live,
            session,
            streams: Vec::new(),
        };
        let folder = make_folder(base, &head)?;
        tracing::info!(artifact = %folder.display(), "artifact begun");
        Ok(Artifact::of(&folder, head, Board::default()))
    }

    /// Opens the artifact that `manifest` describes, to go on with it.
    pub(crate) fn open(folder: &Path, manifest: Manifest) -> Artifact {
        sweep(folder, &manifest);
        let mut latest = Board::load(&std::fs::read(folder.join(LATEST)).unwrap_or_default());
        for record in &manifest.streams {
            if latest.has(&record.topic, record.last) {
                continue;
            }
            let row =
                record.key().zip(record.parts.last()).and_then(|(key, last)| last_row(folder, &key, last));
            match row {
                Some(batch) => {
                    let epoch = Epoch(record.epochs.last().map_or(0, |mark| mark.epoch));
                    let row = LatestRow::of(&Batch { epoch, ..batch }, record.running_digest);
                    row.into_iter().for_each(|row| latest.note(&record.topic, row));
                }
                None => tracing::debug!(topic = record.topic, "no last row to show"),
            }
        }
        Artifact::of(folder, manifest, latest)
    }

    fn of(folder: &Path, mut manifest: Manifest, latest: Board) -> Artifact {
        let records = std::mem::take(&mut manifest.streams);
        let slots: Vec<Slot> =
            records.into_iter().filter_map(|record| Some(Slot::new(record.key()?, record))).collect();
        let places = slots.iter().enumerate().map(|(at, slot)| (slot.key.clone(), at)).collect();
        Artifact {
            folder: folder.to_path_buf(),
            head: manifest,
            slots,
            places,
            latest,
            waiting_since: None,
            is_untidy: false,
        }
    }
}

/// Makes the folder of an artifact, which appears with its manifest. What is in its way is put aside.
pub(super) fn make_folder(base: &Path, manifest: &Manifest) -> Result<PathBuf, Error> {
    let name = name::artifact_folder(&manifest.name, manifest.number);
    let (folder, new) = (base.join(&name), base.join(format!("{}{name}", name::NEW)));
    std::fs::create_dir_all(&new).map_err(|e| Error::write(&new, e))?;
    write_manifest(&new, manifest)?;
    if folder.symlink_metadata().is_ok() {
        let aside = put_aside(base, &name)?;
        tracing::warn!(folder = %folder.display(), aside = %aside.display(),
            "something without a manifest was where an artifact begins: it is put aside");
    }
    std::fs::rename(&new, &folder)
        .and_then(|()| RealDisk.sync_dir(base))
        .map_err(|e| Error::write(&folder, e))?;
    Ok(folder)
}

/// Gives what is called `name` below `base` a name under which nothing reads it; which one.
pub(crate) fn put_aside(base: &Path, name: &str) -> Result<PathBuf, Error> {
    let folder = base.join(name);
    let mut aside = base.join(format!("{}{name}", name::DAMAGED));
    let mut count = 1;
    while aside.symlink_metadata().is_ok() {
        count += 1;
        aside = base.join(format!("{}{name}.{count}", name::DAMAGED));
    }
    let moved = std::fs::rename(&folder, &aside).and_then(|()| RealDisk.sync_dir(base));
    moved.map(|()| aside).map_err(|e| Error::write(&folder, e))
}

/// Whether nothing is there. That it cannot be told is an error, not a loss.
pub(crate) fn is_gone(path: &Path) -> Result<bool, Error> {
    match std::fs::metadata(path) {
        Ok(_) => Ok(false),
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => Ok(true),
        Err(error) => Err(Error::write(path, error)),
    }
}

/// Refuses a manifest that names a file which is gone or has another size. Their bytes are for `gapless verify`.
pub(super) fn check_files(artifact: &Path, manifest: &Manifest) -> Result<(), Error> {
    for file in manifest.files() {
        let path = artifact.join(&file.name);
        if is_gone(&path)? {
            return Err(Error::Incomplete { path, reason: "is gone".into() });
        }
        let bytes = std::fs::metadata(&path).map_err(|e| Error::write(&path, e))?.len();
        if bytes != file.bytes {
            let reason = format!("has {bytes} bytes instead of {}", file.bytes);
            return Err(Error::Incomplete { path, reason });
        }
    }
    Ok(())
}

/// This program, as manifests name it.
fn this_program() -> Program {
    Program { program: env!("CARGO_PKG_NAME").into(), version: env!("CARGO_PKG_VERSION").into() }
}

/// Replaces the manifest; durable when it returns.
pub(super) fn write_manifest(folder: &Path, manifest: &Manifest) -> Result<(), Error> {
    let path = folder.join(MANIFEST);
    if let Err(reason) = manifest.check() {
        return Err(Error::Bug(format!("{} would be wrong: {reason}", path.display())));
    }
    let written = write_atomically(&RealDisk, folder, MANIFEST, &[&manifest.bytes()]);
    written.map(drop).map_err(|e| Error::write(&path, e))
}

/// Makes the folder of a stream's files, durably.
pub(super) fn make_stream_folder(artifact: &Path, name: &str) -> Result<(), Error> {
    let folder = artifact.join(name);
    if folder.is_dir() {
        return Ok(());
    }
    let made = std::fs::create_dir(&folder).and_then(|()| RealDisk.sync_dir(artifact));
    made.map_err(|e| Error::write(&folder, e))
}

/// Removes the files of parts that the manifest no longer names. What stays is swept away later.
pub(super) fn remove_parts(artifact: &Path, parts: &[Part]) {
    for file in parts.iter().flat_map(|part| &part.files) {
        let path = artifact.join(&file.name);
        if let Err(error) = std::fs::remove_file(&path) {
            tracing::debug!(path = %path.display(), %error, "an absorbed file stays until the next start");
        }
    }
}

/// Removes what a killed or failing writer left: files on their way and parts that no manifest names. Files
/// that could not be the writer's are let be.
pub(super) fn sweep(artifact: &Path, manifest: &Manifest) {
    let named: BTreeSet<&str> = manifest.files().map(|file| file.name.as_str()).collect();
    let swept = sweep_folder(artifact, "", &|name| is_leftover(name)).and_then(|()| {
        for entry in std::fs::read_dir(artifact)? {
            let entry = entry?;
            if let (true, Ok(folder)) = (entry.file_type()?.is_dir(), entry.file_name().into_string()) {
                let unnamed = |name: &str| {
                    let is_named = named.contains(format!("{folder}/{name}").as_str());
                    is_leftover(name) || (name::is_part_file(name) && !is_named)
                };
                sweep_folder(artifact, &folder, &unnamed)?;
            }
        }
        Ok(())
    });
    if let Err(error) = swept {
        tracing::warn!(artifact = %artifact.display(), %error, "leftovers of an earlier run stay");
    }
}

fn sweep_folder(artifact: &Path, folder: &str, is_left: &dyn Fn(&str) -> bool) -> io::Result<()> {
    let path = artifact.join(folder);
    for name in RealDisk.list(&path)?.into_iter().filter(|name| is_left(name)) {
        tracing::info!(file = %path.join(&name).display(), "removing what an earlier run left unfinished");
        std::fs::remove_file(path.join(name))?;
    }
    Ok(())
}

/// The last row of a part, as a batch of one.
fn last_row(artifact: &Path, key: &StreamKey, last: &Part) -> Option<Batch> {
    let end = last.range();
    let range = gapless_model::SeqRange::new(end.last(), end.end());
    match part::rows_of(artifact, key, last, range) {
        Ok(batches) => batches.into_iter().last(),
        Err(error) => {
            tracing::error!(%error, "a part cannot be read; `gapless verify` says which rows are concerned");
            None
        }
    }
}

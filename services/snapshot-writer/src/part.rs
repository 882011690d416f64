//! Parts on the disk: written whole and durable or not at all, and read back.

use crate::buffer::columns;
use crate::error::Error;
use crate::manifest::{Hex, Part, PartFile};
use crate::name::part_file;
use crate::record::times;
use gapless_formats::{FileForm, RowReader, RowWriter, WriteError};
use gapless_model::{Batch, Digest, Flags, SeqRange, StreamKey};
use sha2::{Digest as _, Sha256};
use std::fmt::Write as _;
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

/// Writes one part: the rows of `absorbed`, then `batches`, in each of `forms`.
///
/// The files have their names when this returns, but the names are durable only after the folder was
/// synced, and they count only once a manifest names them.
///
/// # Errors
/// [`Error::Damaged`] when an absorbed part is not what the manifest says; [`Error::Write`]. Then at most
/// files are left that no manifest names.
pub(crate) fn write(
    artifact: &Path,
    stream: &Stream<'_>,
    forms: &[FileForm],
    absorbed: &[Part],
    batches: &[Batch],
) -> Result<Part, Error> {
    let mut out = Out::begin(artifact, stream, forms, absorbed, batches)?;
    let written = out.fill(artifact, stream, absorbed, batches).and_then(|()| out.finish());
    if written.is_err() {
        out.remove();
    }
    written
}

/// What a part is a part of.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Stream<'a> {
    pub(crate) key: &'a StreamKey,
    /// Its folder in the artifact's.
    pub(crate) folder: &'a str,
}

/// Hands the rows of a part to `take`, from the first of its files that this program can read.
///
/// # Errors
/// [`Error::Damaged`] when they are not what the manifest says, known only at the end.
pub(crate) fn read(
    artifact: &Path,
    key: &StreamKey,
    part: &Part,
    mut take: impl FnMut(Batch) -> Result<(), Error>,
) -> Result<(), Error> {
    let damaged = |path: &Path, reason: String| Error::Damaged { path: path.to_path_buf(), reason };
    let known = part.files.iter().find_map(|file| Some((artifact.join(&file.name), file.form()?)));
    let (path, form) = known.ok_or_else(|| damaged(artifact, "a part has no file".into()))?;
    let (mut next, mut digest) = (part.range().start(), Digest::default());
    for rows in RowReader::open(&path, form, key.kind()).map_err(|error| damaged(&path, error.to_string()))? {
        let (start, rows) = rows.map_err(|error| damaged(&path, error.to_string()))?;
        if start != next {
            return Err(damaged(&path, format!("row {start} comes where {next} was due")));
        }
        let batch = Batch { start, ..Batch::unsequenced(key.clone(), Flags::NONE, rows) };
        next = batch.range().end();
        digest = digest + Digest::of(start, &batch.rows);
        take(batch)?;
    }
    if next != part.range().end() || digest != part.digest.0 {
        return Err(damaged(&path, "its rows are not those that the manifest names".into()));
    }
    Ok(())
}

/// The rows of a part that lie in `range`.
pub(crate) fn rows_of(
    artifact: &Path,
    key: &StreamKey,
    part: &Part,
    range: SeqRange,
) -> Result<Vec<Batch>, Error> {
    let mut kept = Vec::new();
    read(artifact, key, part, |batch| {
        let batch = batch.cut(range);
        if !batch.rows.is_empty() {
            kept.push(batch);
        }
        Ok(())
    })?;
    Ok(kept)
}

/// The SHA-256 of a file, in hexadecimal digits.
///
/// # Errors
/// When it cannot be read.
pub fn sha256_of(path: &Path) -> io::Result<(u64, String)> {
    let mut hashed = Hashed { inner: io::sink(), hash: Sha256::new(), bytes: 0 };
    io::copy(&mut File::open(path)?, &mut hashed)?;
    Ok((hashed.bytes, hashed.hex()))
}

/// The files of one part on their way.
struct Out {
    files: Vec<OutFile>,
    range: SeqRange,
    digest: Digest,
    times: Option<(String, String)>,
    columns: Vec<String>,
}

struct OutFile {
    form: FileForm,
    /// In the artifact's folder.
    name: String,
    unfinished: PathBuf,
    path: PathBuf,
    rows: Option<RowWriter<Hashed<BufWriter<File>>>>,
}

impl Out {
    fn begin(
        artifact: &Path,
        stream: &Stream<'_>,
        forms: &[FileForm],
        absorbed: &[Part],
        batches: &[Batch],
    ) -> Result<Out, Error> {
        let ranges = || absorbed.iter().map(Part::range).chain(batches.iter().map(Batch::range));
        let (first, last) = (ranges().next(), ranges().last());
        let (Some(first), Some(last)) = (first, last) else {
            return Err(Error::Bug("a part without rows".into()));
        };
        let range = SeqRange::new(first.start(), last.end());
        let own = batches.first().map(|batch| columns(&batch.rows).to_vec());
        let columns = own.or_else(|| absorbed.first().map(|part| part.columns.clone())).unwrap_or_default();
        let mut out = Out { files: Vec::new(), range, digest: Digest::default(), times: None, columns };
        let folder = artifact.join(stream.folder);
        for form in forms {
            let name = part_file(range.start().0, range.last().0, *form);
            let unfinished = folder.join(format!(".new-{name}.tmp"));
            let created = File::create(&unfinished).map_err(WriteError::from).and_then(|file| {
                let hashed = Hashed { inner: BufWriter::new(file), hash: Sha256::new(), bytes: 0 };
                RowWriter::begin(hashed, *form, stream.key.kind(), &out.columns)
            });
            let path = folder.join(&name);
            let name = format!("{}/{name}", stream.folder);
            match created {
                Ok(rows) => out.files.push(OutFile { form: *form, name, unfinished, path, rows: Some(rows) }),
                Err(error) => {
                    let _ = std::fs::remove_file(&unfinished);
                    out.remove();
                    return Err(Error::write(&path, error));
                }
            }
        }
        Ok(out)
    }

    fn fill(
        &mut self,
        artifact: &Path,
        stream: &Stream<'_>,
        absorbed: &[Part],
        batches: &[Batch],
    ) -> Result<(), Error> {
        for part in absorbed {
            read(artifact, stream.key, part, |batch| self.add(&batch))?;
        }
        batches.iter().try_for_each(|batch| self.add(batch))
    }

    fn add(&mut self, batch: &Batch) -> Result<(), Error> {
        self.digest = self.digest + Digest::of(batch.start, &batch.rows);
        let (first, last) = times(batch);
        self.times = Some((self.times.take().map_or(first, |(first, _)| first), last));
        for file in &mut self.files {
            if let Some(rows) = &mut file.rows {
                rows.write(batch).map_err(|error| Error::write(&file.path, error))?;
            }
        }
        Ok(())
    }

    /// Ends the files, makes them durable and gives them their names.
    fn finish(&mut self) -> Result<Part, Error> {
        let mut files = Vec::with_capacity(self.files.len());
        for file in &mut self.files {
            let failed = |error: WriteError| Error::write(&file.path, error);
            let Some(rows) = file.rows.take() else { continue };
            let mut hashed = rows.finish().map_err(failed)?;
            hashed
                .inner
                .flush()
                .and_then(|()| hashed.inner.get_ref().sync_all())
                .map_err(|e| failed(e.into()))?;
            files.push(PartFile {
                name: file.name.clone(),
                format: file.form.ending().to_owned(),
                rows: self.range.len(),
                bytes: hashed.bytes,
                sha256: hashed.hex(),
            });
        }
        for file in &self.files {
            std::fs::rename(&file.unfinished, &file.path).map_err(|e| Error::write(&file.path, e))?;
        }
        let (first_time, last_time) = self.times.take().unwrap_or_default();
        Ok(Part {
            first: self.range.start().0,
            last: self.range.last().0,
            rows: self.range.len(),
            digest: Hex(self.digest),
            first_time,
            last_time,
            columns: std::mem::take(&mut self.columns),
            files,
        })
    }

    /// Removes what was begun. A file that has its name already stays: a manifest that may or may not have
    /// become durable before could name it. It is swept away after the next manifest.
    fn remove(&mut self) {
        for file in self.files.drain(..) {
            let _ = std::fs::remove_file(&file.unfinished);
        }
    }
}

/// Counts and hashes what goes through.
struct Hashed<W> {
    inner: W,
    hash: Sha256,
    bytes: u64,
}

impl<W> Hashed<W> {
    fn hex(self) -> String {
        let mut text = String::with_capacity(64);
        for byte in self.hash.finalize() {
            // Writing to a text does not fail.
            let _ = write!(text, "{byte:02x}");
        }
        text
    }
}

impl<W: Write> Write for Hashed<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.inner.write(bytes)?;
        self.hash.update(bytes.get(..written).unwrap_or_default());
        self.bytes += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

#[cfg(test)]
mod tests;

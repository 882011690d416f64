//! The files of an artifact against its manifest.

use super::Verdict;
use anyhow::Result;
use gapless::{Digest, Seq, StreamKey};
use gapless_formats::{FileForm, RowReader};
use gapless_snapshot_writer::manifest::{Manifest, Part, PartFile, StreamRecord};
use gapless_snapshot_writer::sha256_of;
use indicatif::ProgressBar;
use std::collections::BTreeSet;
use std::path::Path;

/// One stream's files.
pub(super) struct Files<'a> {
    pub(super) folder: &'a Path,
    pub(super) record: &'a StreamRecord,
}

impl Files<'_> {
    /// Reads every file; what is wrong is said in `verdict`.
    pub(super) fn check(&self, verdict: &mut Verdict, bar: &ProgressBar) -> Result<()> {
        let key: StreamKey = self.record.topic.parse()?;
        let mut total = Digest::default();
        for part in &self.record.parts {
            let mut read = None;
            for file in &part.files {
                match self.check_file(&key, part, file) {
                    Ok(digest) => read = read.or(Some(digest)),
                    Err(problem) => verdict.problem(format!("{}: {problem}", file.name)),
                }
            }
            total = total + read.unwrap_or_default();
            bar.inc(part.rows);
        }
        verdict.digest = total.to_string();
        let is_whole = self.record.first == 1 && self.record.truncated.is_empty();
        let is_last = self.record.cursor.sequence == self.record.last;
        if let (true, true, Some(running)) = (is_whole, is_last, self.record.running_digest)
            && running.0 != self.record.digest.0
        {
            verdict
                .problem(format!("its rows have not the running digest {} that was stated live", running.0));
        }
        Ok(())
    }

    /// The digest of a file's rows, when everything about it is as the manifest says.
    fn check_file(&self, key: &StreamKey, part: &Part, file: &PartFile) -> Result<Digest, String> {
        let path = self.folder.join(&file.name);
        let (bytes, sha256) = sha256_of(&path).map_err(|error| error.to_string())?;
        if bytes != file.bytes {
            return Err(format!("has {bytes} bytes, not {}", file.bytes));
        }
        if sha256 != file.sha256 {
            return Err(format!("has another SHA-256: {sha256}"));
        }
        let form = file.form().ok_or("has a form that this program does not know")?;
        let digest = read(&path, form, key, part)?;
        if digest != part.digest.0 {
            return Err(format!("its rows have the digest {digest}, not {}", part.digest.0));
        }
        Ok(digest)
    }
}

fn read(path: &Path, form: FileForm, key: &StreamKey, part: &Part) -> Result<Digest, String> {
    let (mut next, mut digest) = (Seq(part.first), Digest::default());
    for rows in RowReader::open(path, form, key.kind()).map_err(|error| error.to_string())? {
        let (start, rows) = rows.map_err(|error| error.to_string())?;
        if start != next {
            return Err(format!("row {start} comes where {next} is due"));
        }
        next = start.plus(rows.len() as u64);
        digest = digest + Digest::of(start, &rows);
    }
    match next == Seq(part.last).next() {
        true => Ok(digest),
        false => Err(format!("its rows end at {}, not at {}", next.previous(), part.last)),
    }
}

/// Files with rows that the manifest of a complete artifact does not name: whoever reads all there are would
/// read these too.
pub(super) fn unnamed(folder: &Path, manifest: &Manifest) -> Result<Vec<String>> {
    let named: BTreeSet<&str> = manifest.files().map(|file| file.name.as_str()).collect();
    let mut found = Vec::new();
    for record in &manifest.streams {
        let inside = folder.join(&record.folder);
        if !inside.is_dir() {
            continue;
        }
        for entry in std::fs::read_dir(inside)? {
            let name = format!("{}/{}", record.folder, entry?.file_name().to_string_lossy());
            let holds_rows = FileForm::of(Path::new(&name)).is_some();
            if holds_rows && !named.contains(name.as_str()) {
                found.push(format!("{name} is not named by the manifest"));
            }
        }
    }
    Ok(found)
}

//! A process of a benchmark, seen from the one that measures.

use crate::role::{READY, Role};
use anyhow::{Context, Result, bail};
use serde::de::DeserializeOwned;
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdout, Command, Stdio};

/// A running part. It is killed when this is dropped.
#[derive(Debug)]
pub struct Part {
    child: Child,
    out: BufReader<ChildStdout>,
    address: String,
}

impl Part {
    /// Starts a process for `role` and waits until it can begin.
    ///
    /// # Errors
    /// When it cannot be started or ends before.
    pub fn start(role: &Role) -> Result<Part> {
        let mut child = Command::new(std::env::current_exe()?)
            .args(["role", &serde_json::to_string(role)?])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .context("cannot start a process of the benchmark")?;
        let out = BufReader::new(child.stdout.take().context("a process without output")?);
        let mut part = Part { child, out, address: String::new() };
        let line = part.line()?;
        match line.strip_prefix(READY.trim_end()) {
            Some(address) => part.address = address.trim().to_owned(),
            None => bail!("{role:?} said {line:?}"),
        }
        Ok(part)
    }

    /// Where it listens.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// Its process.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Tells it to begin.
    ///
    /// # Errors
    /// When it has ended.
    pub fn begin(&mut self) -> Result<()> {
        let stdin = self.child.stdin.as_mut().context("a process without input")?;
        stdin.write_all(b"go\n").context("a process of the benchmark has ended")
    }

    /// Waits for what came of it.
    ///
    /// # Errors
    /// When it failed.
    pub fn result<T: DeserializeOwned>(mut self) -> Result<T> {
        let line = self.line()?;
        serde_json::from_str(&line).with_context(|| format!("a process of the benchmark said {line:?}"))
    }

    fn line(&mut self) -> Result<String> {
        let mut line = String::new();
        self.out.read_line(&mut line)?;
        if line.is_empty() {
            bail!("a process of the benchmark ended: {}", self.child.wait()?);
        }
        Ok(line.trim_end().to_owned())
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

//! Who holds a port, so that an error can name the process. Linux only; elsewhere nobody is named.

use std::fs;
use std::path::Path;

/// The program and process id that listens on `port` of this machine, if this user may see it.
pub(crate) fn of_tcp_port(port: u16) -> Option<String> {
    let inode = ["/proc/net/tcp", "/proc/net/tcp6"]
        .iter()
        .filter_map(|table| fs::read_to_string(table).ok())
        .find_map(|table| table.lines().find_map(|line| listening_inode(line, port)))?;
    let wanted = format!("socket:[{inode}]");
    fs::read_dir("/proc").ok()?.flatten().map(|entry| entry.path()).find_map(|process| {
        let id: u32 = process.file_name()?.to_str()?.parse().ok()?;
        holds(&process, &wanted).then(|| describe(&process, id))
    })
}

/// The socket's inode when this line of `/proc/net/tcp` is a listener on `port`.
fn listening_inode(line: &str, port: u16) -> Option<u64> {
    let mut fields = line.split_ascii_whitespace();
    let local = fields.nth(1)?;
    let state = fields.nth(1)?;
    let (_, hex) = local.rsplit_once(':')?;
    let listens = state == "0A" && u16::from_str_radix(hex, 16).ok()? == port;
    if listens { fields.nth(5)?.parse().ok() } else { None }
}

fn holds(process: &Path, wanted: &str) -> bool {
    let Ok(files) = fs::read_dir(process.join("fd")) else { return false };
    files.flatten().any(|file| fs::read_link(file.path()).is_ok_and(|to| to.as_os_str() == wanted))
}

fn describe(process: &Path, id: u32) -> String {
    let name = fs::read_to_string(process.join("comm")).unwrap_or_default();
    format!("{}, process {id}", name.trim())
}

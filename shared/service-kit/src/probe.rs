//! The other end of `/readyz`: a program asks its own running service whether it is ready, so that a container needs
//! nothing else for its health check.
use std::io::{Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream};
use std::process::ExitCode;
use std::time::Duration;

use crate::main_with::USAGE;

/// A service that answers later than this is not well.
const PATIENCE: Duration = Duration::from_secs(2);
/// The longest answer that is read: some hundred conditions.
const MAX_ANSWER_BYTES: u64 = 64 << 10;

/// Whether the service whose admin endpoint is at `admin` is ready: exit code 0; 1 with the reason on stderr when it is
/// not; 2 when it cannot be asked.
pub(crate) fn health(admin: &str) -> ExitCode {
    let Some(address) = reachable(admin) else {
        eprintln!("error: --health asks the admin endpoint: give it an address and a port, not `{admin}`");
        return ExitCode::from(USAGE);
    };
    match ask(address) {
        Ok(answer) if answer.starts_with("HTTP/1.1 200 ") => ExitCode::SUCCESS,
        Ok(answer) => {
            eprintln!("not ready: {}", answer.split("\r\n\r\n").nth(1).unwrap_or(&answer).trim());
            ExitCode::FAILURE
        }
        Err(error) => {
            eprintln!("not ready: no answer from http://{address}/readyz: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Where to ask: what listens on every address also listens on loopback.
fn reachable(admin: &str) -> Option<SocketAddr> {
    let mut address: SocketAddr = admin.parse().ok().filter(|address: &SocketAddr| address.port() != 0)?;
    match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => address.set_ip(Ipv4Addr::LOCALHOST.into()),
        IpAddr::V6(ip) if ip.is_unspecified() => address.set_ip(Ipv6Addr::LOCALHOST.into()),
        IpAddr::V4(_) | IpAddr::V6(_) => {}
    }
    Some(address)
}

fn ask(address: SocketAddr) -> std::io::Result<String> {
    let mut stream = TcpStream::connect_timeout(&address, PATIENCE)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    write!(stream, "GET /readyz HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n")?;
    let mut answer = Vec::new();
    stream.take(MAX_ANSWER_BYTES).read_to_end(&mut answer)?;
    Ok(String::from_utf8_lossy(&answer).into_owned())
}

#[cfg(test)]
mod tests;

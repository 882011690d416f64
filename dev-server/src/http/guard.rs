//! Keeps pages of other sites out: a name that somebody points at this machine is not this host.

use axum::extract::Request;
use axum::http::{StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

/// Lets a request pass that names this machine or an address, as no foreign page's does.
pub(super) async fn own_host_only(request: Request, next: Next) -> Response {
    let host = request.headers().get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    if is_own(host) {
        return next.run(request).await;
    }
    let error = format!("the host {host:?} is not this machine: use its address or localhost");
    super::api::refusal(StatusCode::FORBIDDEN, &error).into_response()
}

fn is_own(host: &str) -> bool {
    let name = match host.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default(),
        None => host.split(':').next().unwrap_or_default(),
    };
    // A site's page can have any name as its host, but no address: those are not looked up.
    name == "localhost" || name.parse::<std::net::IpAddr>().is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_and_localhost_are_this_machine_and_names_are_not() {
        for own in ["localhost", "localhost:8090", "127.0.0.1:1", "[::1]:8090", "192.168.1.7"] {
            assert!(is_own(own), "{own}");
        }
        for foreign in ["", "example.org", "localhost.example.org:8090", "127.0.0.1.example.org"] {
            assert!(!is_own(foreign), "{foreign}");
        }
    }
}

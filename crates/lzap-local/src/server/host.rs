//! The check of the caller: programs on this machine may send requests, pages from elsewhere may not.
//!
//! A page can make a browser send requests to loopback, and DNS rebinding lets it read the answers; such requests carry
//! the page's own host name in `Host`, and its origin in `Origin`.

use http::{HeaderMap, header};

/// Returns whether `Host` names this machine.
pub(crate) fn is_local(headers: &HeaderMap) -> bool {
    headers.get(header::HOST).and_then(|host| host.to_str().ok()).is_some_and(is_loopback)
}

/// Returns whether a browser sent the request for a page from elsewhere.
pub(crate) fn is_foreign_page(headers: &HeaderMap) -> bool {
    let Some(origin) = headers.get(header::ORIGIN) else {
        return false;
    };
    let authority =
        origin.to_str().ok().and_then(|origin| origin.split_once("://")).map(|(_, authority)| authority);
    !authority.is_some_and(is_loopback)
}

fn is_loopback(authority: &str) -> bool {
    let name = match authority.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((address, _)) => address,
        None => authority.split(':').next().unwrap_or_default(),
    };
    matches!(name.to_ascii_lowercase().as_str(), "localhost" | "127.0.0.1" | "::1")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_this_machine_is_local() {
        let local = |host: &'static str| {
            is_local(&HeaderMap::from_iter([(header::HOST, host.parse().expect("a value"))]))
        };
        for good in ["localhost", "LOCALHOST:4510", "127.0.0.1:4510", "[::1]:4510"] {
            assert!(local(good), "{good}");
        }
        for bad in ["evil.example", "localhost.evil.example:4510", "127.0.0.1.evil.example", "", "[::2]:1"] {
            assert!(!local(bad), "{bad}");
        }
        assert!(!is_local(&HeaderMap::new()));
    }

    #[test]
    fn pages_from_elsewhere_are_foreign() {
        let foreign = |origin: &'static str| {
            is_foreign_page(&HeaderMap::from_iter([(header::ORIGIN, origin.parse().expect("a value"))]))
        };
        assert!(foreign("https://evil.example"));
        assert!(foreign("null"));
        assert!(!foreign("http://localhost:4511"));
        assert!(!is_foreign_page(&HeaderMap::new()));
    }
}

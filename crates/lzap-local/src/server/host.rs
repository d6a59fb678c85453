//! The check of the caller: programs on this machine may send requests, pages of other origins may not.
//!
//! A page can make a browser send requests to loopback, and DNS rebinding lets it read the answers; such requests carry
//! the page's own host name in `Host`, and its origin in `Origin`. A link or an image carries no `Origin`, but browsers
//! say in `Sec-Fetch-Site` that another site led there. Another port of this machine is another origin too: a page of
//! the app under test, or of any other local server, isn't the owner.

use http::{HeaderMap, header};

/// Returns whether `Host` names this machine.
pub(crate) fn is_local(headers: &HeaderMap) -> bool {
    headers.get(header::HOST).and_then(|host| host.to_str().ok()).is_some_and(is_loopback)
}

/// Returns whether a browser sent the request for a page of another origin.
pub(crate) fn is_foreign_page(headers: &HeaderMap) -> bool {
    let text = |name: &str| headers.get(name).map(|value| value.to_str().unwrap_or_default());
    if text("sec-fetch-site").is_some_and(|site| !matches!(site, "same-origin" | "none")) {
        return true;
    }
    let Some(origin) = text(header::ORIGIN.as_str()) else {
        return false;
    };
    let authority = origin.split_once("://").map(|(_, authority)| authority);
    authority.is_none() || authority != text(header::HOST.as_str())
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
    fn pages_of_other_origins_are_foreign() {
        let foreign = |name: &'static str, value: &'static str| {
            let host = (header::HOST, "127.0.0.1:4510".parse().expect("a value"));
            let other = (header::HeaderName::from_static(name), value.parse().expect("a value"));
            is_foreign_page(&HeaderMap::from_iter([host, other]))
        };
        assert!(!foreign("accept", "*/*"), "a program");
        assert!(!foreign("origin", "http://127.0.0.1:4510"));
        for origin in ["http://127.0.0.1:4511", "http://localhost:3000", "https://evil.example", "null", ""] {
            assert!(foreign("origin", origin), "{origin}");
        }
        for (site, is_foreign) in [
            ("none", false),
            ("same-origin", false),
            ("same-site", true),
            ("cross-site", true),
            ("new", true),
        ] {
            assert_eq!(foreign("sec-fetch-site", site), is_foreign, "{site}");
        }
    }
}

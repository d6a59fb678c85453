//! The page of `GET /`: one file, without anything from elsewhere, so that it works under whatever URL it is served.

use axum::extract::State;
use axum::http::header;
use axum::response::{Html, IntoResponse};

use crate::caps::Caps;
use crate::http::Settings;

const HTML: &str = include_str!("../assets/index.html");

/// A text of the page that the limits replace. It reads well too when the file is opened without a server.
const CAPS: &str = "limits that its deployer has set";

/// Only what is in the page itself may run or load, and it may connect to this server alone.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data:; \
                      connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/// Answers with the page. The deployer's limits are filled in, so that a visitor knows them before sending a CSV.
pub async fn show_page(State(settings): State<Settings>) -> impl IntoResponse {
    let Caps {
        dollars,
        invocations,
        concurrency,
    } = settings.caps;
    let caps =
        format!("up to ${dollars}, {invocations} invocations and {concurrency} at once for each request");
    (
        [
            (header::CONTENT_SECURITY_POLICY, POLICY),
            // The next deploy may have another page at the same address.
            (header::CACHE_CONTROL, "no-cache"),
        ],
        Html(HTML.replace(CAPS, &caps)),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::MAX_BODY_BYTES;

    #[test]
    fn the_page_knows_the_limit() {
        assert!(HTML.contains(&format!("const MAX_BODY_BYTES = {MAX_BODY_BYTES};")));
    }

    #[test]
    fn page_has_one_place_for_the_caps() {
        assert_eq!(HTML.matches(CAPS).count(), 1);
    }

    #[test]
    fn the_page_needs_nothing_from_elsewhere() {
        for outside in [
            "https:",
            "src=\"http",
            "url(http",
            "@import",
            "src=\"/",
            "href=\"/",
            "action=\"/",
        ] {
            assert!(!HTML.contains(outside), "{outside}");
        }
    }
}

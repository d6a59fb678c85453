//! The choice of a proxy by `HTTPS_PROXY`, `HTTP_PROXY` and `NO_PROXY`.
//!
//! Functions in a VPC without a NAT gateway reach AWS through a proxy, or through VPC endpoints, which need none. The
//! variables are a convention without a standard: hyper-util's matcher reads them as curl does. `NO_PROXY` takes hosts,
//! domains with all that is below them, addresses, CIDR blocks and `*`.

use http::{HeaderValue, Uri};
use hyper_util::client::proxy::matcher::Matcher;

use crate::config::ProxySettings;
use crate::endpoint::{Origin, Scheme};
use crate::error::{ClientError, ErrorKind};

/// The way to an origin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Route {
    /// A connection to the origin itself.
    Direct,
    /// A connection that the proxy makes after `CONNECT`: it sees nothing but bytes.
    Tunnel(ProxyServer),
    /// Requests in absolute form to the proxy, which sends them on.
    Forward(ProxyServer),
}

/// A proxy that is spoken to over plain HTTP.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ProxyServer {
    pub(crate) origin: Origin,
    /// `Proxy-Authorization`; marked as sensitive, so that `Debug` doesn't show it.
    pub(crate) authorization: Option<HeaderValue>,
}

/// The rules of the environment.
#[derive(Debug)]
pub(crate) struct ProxyRules {
    matcher: Matcher,
}

impl ProxyRules {
    /// The rules of these variables. A proxy that can't be used is an error.
    pub(crate) fn new(settings: &ProxySettings) -> Result<Self, ClientError> {
        // The matcher ignores what it can't use; a proxy that is silently bypassed is worse than an error.
        check_proxy_url("HTTPS_PROXY", settings.https.as_deref())?;
        check_proxy_url("HTTP_PROXY", settings.http.as_deref())?;
        let matcher = Matcher::builder()
            .https(settings.https.clone().unwrap_or_default())
            .http(settings.http.clone().unwrap_or_default())
            .no(settings.exceptions.clone().unwrap_or_default())
            .build();
        Ok(Self { matcher })
    }

    /// The way to `origin`. This machine is never behind a proxy: the embedded cloud and emulators listen on loopback.
    pub(crate) fn find_route(&self, origin: &Origin) -> Route {
        if origin.is_loopback() {
            return Route::Direct;
        }
        let intercepted = origin.url().parse().ok().and_then(|uri: Uri| self.matcher.intercept(&uri));
        let Some(proxy) = intercepted else { return Route::Direct };
        let Some(server) = proxy_origin(proxy.uri()) else { return Route::Direct };
        let server = ProxyServer { origin: server, authorization: proxy.basic_auth().cloned() };
        match origin.scheme {
            Scheme::Https => Route::Tunnel(server),
            Scheme::Http => Route::Forward(server),
        }
    }
}

/// The proxy's address. Port 80 is curl's default for a proxy too, when it has a scheme.
fn proxy_origin(uri: &Uri) -> Option<Origin> {
    let host = uri.host()?.trim_matches(['[', ']']).to_owned();
    Some(Origin { scheme: Scheme::Http, host, port: uri.port_u16().unwrap_or(80) })
}

/// The URL of a proxy may hold a password, so that the error doesn't repeat it.
fn check_proxy_url(name: &str, value: Option<&str>) -> Result<(), ClientError> {
    let Some(value) = value else { return Ok(()) };
    let matcher = Matcher::builder().https(value.to_owned()).build();
    let used = matcher.intercept(&Uri::from_static("https://example.com")).map(|proxy| proxy.uri().clone());
    if used.is_some_and(|uri| uri.scheme_str() == Some("http")) {
        return Ok(());
    }
    let text = format!(
        "AWS can't be called: {name} is not the URL of a proxy that is spoken to over HTTP (https:// and socks5:// are \
         not supported); set it to http://HOST:PORT or http://USER:PASSWORD@HOST:PORT, or unset it"
    );
    Err(ClientError::new(ErrorKind::Config, text))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::endpoint::Endpoint;

    fn route(settings: [Option<&str>; 3], url: &str) -> Route {
        let [https, http, exceptions] = settings.map(|text| text.map(str::to_owned));
        let rules = ProxyRules::new(&ProxySettings { https, http, exceptions }).expect("usable rules");
        rules.find_route(&Endpoint::resolve("s3", "any", Some(url)).expect("a URL").origin)
    }

    #[test]
    fn route_tunnels_https_forwards_http_and_obeys_exceptions() {
        let both = [Some("http://proxy:3128"), Some("other:80"), Some("10.0.0.0/8,.internal")];
        let Route::Tunnel(proxy) = route(both, "https://s3.eu-west-1.amazonaws.com") else {
            panic!("tunnel")
        };
        assert_eq!(proxy.origin.url(), "http://proxy:3128");
        let Route::Forward(proxy) = route(both, "http://example.com") else { panic!("forward") };
        assert_eq!(proxy.origin.url(), "http://other:80");
        for url in [
            "http://127.0.0.1:4510",
            "http://localhost:1",
            "https://a.localhost",
            "http://[::1]:1",
            "https://10.1.2.3",
            "https://s3.internal",
        ] {
            assert_eq!(route(both, url), Route::Direct, "{url}");
        }
        assert_eq!(route([None, None, None], "https://example.com"), Route::Direct);
        assert_eq!(route([Some("http://p"), None, Some("*")], "https://example.com"), Route::Direct);
    }

    #[test]
    fn route_decodes_the_proxy_s_credentials_and_debug_hides_them() {
        let route = route([Some("http://user:p%40ss@proxy:3128"), None, None], "https://example.com");
        assert!(!format!("{route:?}").contains("dXNlcjpwQHNz"), "{route:?}");
        let Route::Tunnel(proxy) = route else { panic!("tunnel") };
        let authorization = proxy.authorization.expect("credentials");
        assert_eq!(authorization, "Basic dXNlcjpwQHNz");
    }

    #[test]
    fn new_with_unusable_proxy_is_an_error_without_the_password() {
        for url in ["https://u:hush@proxy", "socks5://u:hush@proxy", "http://u:hush@", "::: u:hush"] {
            let settings = ProxySettings { https: Some(url.to_owned()), ..ProxySettings::default() };
            let error = ProxyRules::new(&settings).expect_err("unusable").to_string();
            assert!(error.contains("HTTPS_PROXY") && !error.contains("hush"), "{error}");
        }
    }
}

//! Hosts and paths of services, partitions and buckets. Pure: a region that AWS adds needs no new version of lzap, unless
//! it is in a new partition.

use std::fmt;
use std::net::IpAddr;

use http::Uri;
use http::uri::Authority;

use crate::error::{ClientError, ErrorKind};

/// The protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Scheme {
    Http,
    Https,
}

/// A server: connections to equal origins are interchangeable.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Origin {
    pub(crate) scheme: Scheme,
    /// Lowercase; an IPv6 address without its brackets.
    pub(crate) host: String,
    pub(crate) port: u16,
}

impl Origin {
    /// One of AWS's own hosts.
    fn of_region(host: String) -> Self {
        Self { scheme: Scheme::Https, host, port: 443 }
    }

    /// The origin as a URL without a path, with its port even where that is the default: `CONNECT` needs the port.
    pub(crate) fn url(&self) -> String {
        let scheme = match self.scheme {
            Scheme::Http => "http",
            Scheme::Https => "https",
        };
        format!("{scheme}://{}:{}", self.bracket_host(), self.port)
    }

    /// The value of `Host`: without the port where that is the scheme's default. A signature covers it: a
    /// proxy that drops a default port would break the signature.
    pub(crate) fn host_header(&self) -> String {
        match (self.scheme, self.port) {
            (Scheme::Http, 80) | (Scheme::Https, 443) => self.bracket_host(),
            (_, port) => format!("{}:{port}", self.bracket_host()),
        }
    }

    /// RFC 3986, section 3.2.2: an IPv6 address stands in brackets, which tell its colons from the port's.
    fn bracket_host(&self) -> String {
        if self.host.contains(':') { format!("[{}]", self.host) } else { self.host.clone() }
    }

    /// Returns true when the host is this machine.
    pub(crate) fn is_loopback(&self) -> bool {
        match self.host.parse::<IpAddr>() {
            Ok(address) => address.is_loopback(),
            Err(_) => self.host == "localhost" || self.host.ends_with(".localhost"),
        }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.url())
    }
}

/// The origin and base path of a service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Endpoint {
    pub(crate) origin: Origin,
    /// The prefix of each path: empty, or with a slash at its start and none at its end.
    pub(crate) base_path: String,
    is_custom: bool,
}

impl Endpoint {
    /// The endpoint of `service` in `region`, or the one that `custom` names.
    pub(crate) fn resolve(service: &str, region: &str, custom: Option<&str>) -> Result<Self, ClientError> {
        if let Some(url) = custom {
            return Self::parse_url(url);
        }
        // The region becomes part of a host name: a typing error must not send credentials elsewhere.
        let is_name = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        if region.is_empty() || !region.chars().all(is_name) {
            let text = format!("`{region}` is not a region; set AWS_REGION to one, such as eu-central-1");
            return Err(ClientError::new(ErrorKind::Config, text));
        }
        let host = format!("{service}.{region}.{}", partition_suffix(region));
        Ok(Self { origin: Origin::of_region(host), base_path: String::new(), is_custom: false })
    }

    /// An endpoint of the environment: scheme, host, and perhaps a port and a path.
    fn parse_url(url: &str) -> Result<Self, ClientError> {
        // Credentials in a URL are an error, which must not print them: errors end up in CloudWatch Logs.
        let shown = url.rsplit('@').next().unwrap_or_default();
        let invalid = |why: &str| {
            let text = format!(
                "the endpoint `{shown}` is not usable: {why}; set AWS_ENDPOINT_URL (or that of the service) to a URL \
                 such as http://127.0.0.1:4510, or unset it"
            );
            ClientError::new(ErrorKind::Config, text)
        };
        let uri: Uri = url.parse().map_err(|error| invalid("it can't be parsed").with_source(error))?;
        let scheme = match uri.scheme_str() {
            Some("http") => Scheme::Http,
            Some("https") => Scheme::Https,
            _ => return Err(invalid("it doesn't begin with http:// or https://")),
        };
        let authority: &Authority = uri.authority().ok_or_else(|| invalid("it names no host"))?;
        if authority.as_str().contains('@') || uri.query().is_some() {
            return Err(invalid("it has credentials or a query"));
        }
        let host = authority.host().trim_matches(['[', ']']).to_ascii_lowercase();
        if host.is_empty() {
            return Err(invalid("it names no host"));
        }
        let default_port = if scheme == Scheme::Https { 443 } else { 80 };
        let origin = Origin { scheme, host, port: authority.port_u16().unwrap_or(default_port) };
        Ok(Self { origin, base_path: uri.path().trim_end_matches('/').to_owned(), is_custom: true })
    }

    /// The origin of a bucket, and the path before its keys, which ends with a slash.
    ///
    /// Virtual-host style (`BUCKET.s3.REGION…`) where it works. Below another endpoint the bucket stands in the path,
    /// since its subdomains may not exist; so does a bucket with a dot or an uppercase letter, whose host no
    /// certificate covers.
    ///
    /// AWS: <https://docs.aws.amazon.com/AmazonS3/latest/userguide/VirtualHosting.html>
    pub(crate) fn for_bucket(&self, bucket: &str) -> (Origin, String) {
        if self.is_custom || !is_host_label(bucket) {
            return (
                self.origin.clone(),
                format!("{}/{}/", self.base_path, crate::encode::encode_label(bucket)),
            );
        }
        (Origin { host: format!("{bucket}.{}", self.origin.host), ..self.origin.clone() }, "/".to_owned())
    }
}

/// Returns true when the bucket's name can be one label of a host name, as S3's certificate (`*.s3.REGION…`) covers it.
fn is_host_label(bucket: &str) -> bool {
    let is_name = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    (3..=63).contains(&bucket.len())
        && bucket.chars().all(is_name)
        && !bucket.starts_with('-')
        && !bucket.ends_with('-')
}

/// The domain of a region's partition, by the region's prefix; unknown regions are in `aws`.
///
/// AWS: <https://docs.aws.amazon.com/general/latest/gr/rande.html>; the table of partitions is the one of AWS's SDKs.
fn partition_suffix(region: &str) -> &'static str {
    const PARTITIONS: &[(&str, &str)] = &[
        ("cn-", "amazonaws.com.cn"),
        ("us-iso-", "c2s.ic.gov"),
        ("us-isob-", "sc2s.sgov.gov"),
        ("us-isof-", "csp.hci.ic.gov"),
        ("eu-isoe-", "cloud.adc-e.uk"),
        ("eusc-", "amazonaws.eu"),
    ];
    let found = PARTITIONS.iter().find(|(prefix, _)| region.starts_with(prefix));
    found.map_or("amazonaws.com", |(_, suffix)| suffix)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn resolve_without_custom_endpoint_uses_the_partition_of_the_region() {
        for (region, url) in [
            ("eu-central-1", "https://lambda.eu-central-1.amazonaws.com:443"),
            ("us-gov-west-1", "https://lambda.us-gov-west-1.amazonaws.com:443"),
            ("cn-north-1", "https://lambda.cn-north-1.amazonaws.com.cn:443"),
            ("us-iso-east-1", "https://lambda.us-iso-east-1.c2s.ic.gov:443"),
            ("us-isob-east-1", "https://lambda.us-isob-east-1.sc2s.sgov.gov:443"),
            ("eusc-de-east-1", "https://lambda.eusc-de-east-1.amazonaws.eu:443"),
        ] {
            let endpoint = Endpoint::resolve("lambda", region, None).expect("a region");
            assert_eq!(endpoint.origin.url(), url);
        }
        for region in ["", "eu-central-1/..", "EU", "a b", "x.example.com"] {
            Endpoint::resolve("lambda", region, None).expect_err("not a region");
        }
    }

    #[test]
    fn resolve_with_custom_endpoint_keeps_port_and_path() {
        for (url, origin, base, host) in [
            ("http://127.0.0.1:4510", "http://127.0.0.1:4510", "", "127.0.0.1:4510"),
            ("http://Example/", "http://example:80", "", "example"),
            ("https://example.com/aws/", "https://example.com:443", "/aws", "example.com"),
            ("http://[::1]:99", "http://[::1]:99", "", "[::1]:99"),
        ] {
            let endpoint = Endpoint::resolve("s3", "any", Some(url)).expect("a URL");
            assert_eq!(endpoint.origin.url(), origin);
            assert_eq!(endpoint.base_path, base);
            assert_eq!(endpoint.origin.host_header(), host);
        }
        for url in ["127.0.0.1:4510", "ftp://a", "http://", "http://a b", "http://u:p@a", "http://a?x=1"] {
            let error = Endpoint::resolve("s3", "any", Some(url)).expect_err("not a usable URL");
            let shown = url.trim_start_matches("http://u:p@");
            assert!(error.to_string().contains(&format!("`{shown}`")), "{error}");
        }
    }

    #[test]
    fn for_bucket_takes_virtual_hosts_only_where_they_work() {
        let region = Endpoint::resolve("s3", "eu-west-1", None).expect("a region");
        for (bucket, host, path) in [
            ("reports", "reports.s3.eu-west-1.amazonaws.com", "/"),
            ("re.ports", "s3.eu-west-1.amazonaws.com", "/re.ports/"),
            ("Reports", "s3.eu-west-1.amazonaws.com", "/Reports/"),
            ("-ab", "s3.eu-west-1.amazonaws.com", "/-ab/"),
            ("a/../b", "s3.eu-west-1.amazonaws.com", "/a%2F..%2Fb/"),
        ] {
            let (origin, prefix) = region.for_bucket(bucket);
            assert_eq!((origin.host.as_str(), prefix.as_str()), (host, path));
        }
        let custom = Endpoint::resolve("s3", "any", Some("http://localhost:1/base")).expect("a URL");
        assert_eq!(custom.for_bucket("reports").1, "/base/reports/");
    }

    #[test]
    fn is_loopback_knows_addresses_and_names() {
        let loopback =
            |host: &str| Origin { scheme: Scheme::Http, host: host.to_owned(), port: 1 }.is_loopback();
        assert!(["localhost", "a.localhost", "127.0.0.1", "127.9.9.9", "::1"].into_iter().all(loopback));
        assert!(!["localhost.example.com", "10.0.0.1", "::2", "notlocalhost"].into_iter().any(loopback));
    }
}

//! The change that makes an app use rustls instead of OpenSSL, which no compiler brings along for another machine.

use cargo_metadata::semver::Version;

/// `native-tls` and its companions: a crate that depends on one of them has chosen OpenSSL.
pub(crate) const CHOICES: &[&str] =
    &["async-native-tls", "hyper-tls", "native-tls", "openssl", "openssl-sys", "tokio-native-tls"];

/// Returns the change in Cargo.toml for the crate `name`, which links OpenSSL.
///
/// Each crate has its own name for the feature, and cargo's metadata doesn't say which one replaces OpenSSL:
/// the common crates are listed here, and others get general advice.
pub(crate) fn describe_rustls_change(name: &str, version: &Version) -> String {
    let change = match name {
        "reqwest" if (version.major, version.minor) < (0, 13) => {
            "`default-features = false, features = [\"rustls-tls\"]`"
        }
        "reqwest" => "take `native-tls` out of its features; rustls is its default",
        "sqlx-core" => {
            "of sqlx take the feature `tls-rustls`, of sea-orm `runtime-tokio-rustls`, each for its `native-tls`"
        }
        "redis" => "the feature `tokio-rustls-comp` for `tokio-native-tls-comp`",
        "lettre" => {
            "`default-features = false, features = [\"builder\", \"hostname\", \"pool\", \"smtp-transport\", \"rustls-tls\"]`"
        }
        "mysql_async" => "`default-features = false, features = [\"default-rustls-ring\"]`",
        "tokio-tungstenite" | "tungstenite" => "the feature `rustls-tls-webpki-roots` for `native-tls`",
        _ => "look for a feature named after rustls",
    };
    format!("`{name}` links OpenSSL; use rustls (in Cargo.toml, for `{name}`: {change})")
}

/// The advice if no crate in the graph chose OpenSSL, or the graph isn't known.
pub(crate) const ANYHOW: &str =
    "use rustls instead of OpenSSL; `cargo tree -i openssl-sys` shows who brings it in";

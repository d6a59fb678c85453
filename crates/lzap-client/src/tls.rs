//! The certificates that servers are checked against.

use std::path::Path;
use std::sync::Arc;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::{ClientConfig, RootCertStore};

use crate::error::{ClientError, ErrorKind};

/// TLS that trusts Mozilla's roots, or the certificates of `bundle` instead.
///
/// Mozilla's roots are compiled in: a cold start reads and parses no file, and a root that Mozilla adds comes with a new
/// build. A bundle replaces them and adds nothing to them, as in the AWS CLI: it must hold the roots of all endpoints.
///
/// # Errors
/// [`ErrorKind::Config`] when the bundle can't be read, or has no certificate or an invalid one.
pub(crate) fn load_config(bundle: Option<&Path>) -> Result<Arc<ClientConfig>, ClientError> {
    let roots = match bundle {
        Some(path) => read_bundle(path)?,
        None => RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() },
    };
    Ok(Arc::new(lzap_tls::client_config(roots)))
}

/// All certificates of a PEM file. One that is invalid is an error: leaving it out would fail later, without a reason.
fn read_bundle(path: &Path) -> Result<RootCertStore, ClientError> {
    let unusable = |why: String| {
        let text = format!(
            "AWS can't be called: AWS_CA_BUNDLE is `{}`, {why}; set it to a file of PEM certificates, or unset it",
            path.display()
        );
        ClientError::new(ErrorKind::Config, text)
    };
    let certificates = CertificateDer::pem_file_iter(path)
        .map_err(|error| unusable(format!("which can't be read: {error}")))?;
    let mut roots = RootCertStore::empty();
    for (index, certificate) in certificates.enumerate() {
        let number = index + 1;
        let certificate = certificate.map_err(|error| unusable(format!("which is not PEM: {error}")))?;
        roots
            .add(certificate)
            .map_err(|error| unusable(format!("whose certificate number {number} is invalid: {error}")))?;
    }
    if roots.is_empty() {
        return Err(unusable("which has no certificate".to_owned()));
    }
    Ok(roots)
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    #[test]
    fn load_config_with_unusable_bundle_names_file_and_reason() {
        let broken = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
        let cut = "-----BEGIN CERTIFICATE-----\nAAAA\n";
        for (text, why) in [
            ("", "has no certificate"),
            (broken, "number 1 is invalid"),
            (cut, "is not PEM"),
            ("no PEM at all", "has no certificate"),
        ] {
            let mut file = tempfile::NamedTempFile::new().expect("a file");
            file.write_all(text.as_bytes()).expect("written");
            let error = load_config(Some(file.path())).expect_err("unusable").to_string();
            assert!(error.contains(why) && error.contains(&file.path().display().to_string()), "{error}");
        }
        let error = load_config(Some(Path::new("does/not/exist.pem"))).expect_err("no file").to_string();
        assert!(error.contains("does/not/exist.pem") && error.contains("can't be read"), "{error}");
    }

    #[test]
    fn load_config_without_bundle_trusts_built_in_roots() {
        load_config(None).expect("built in");
    }
}

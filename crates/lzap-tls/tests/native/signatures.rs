//! Verification of signatures, one by one: good ones, and the forgeries that have fooled others.

use fs_err as fs;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::{AlgorithmIdentifier, SignatureVerificationAlgorithm, alg_id};

use crate::pair::providers;

/// Lines of `vectors/signatures.txt`, which `vectors/generate.py` makes.
const VECTORS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/vectors/signatures.txt");

/// graviola refuses some RSA keys whose length is not a multiple of 8 bits. No authority issues them.
fn may_refuse(provider: &str, vector: &Vector) -> bool {
    provider == "graviola" && vector.special.ends_with("-bits")
}

struct Vector {
    algorithm: String,
    is_valid: bool,
    special: String,
    key: Vec<u8>,
    message: Vec<u8>,
    signature: Vec<u8>,
}

fn vectors() -> Vec<Vector> {
    let text = fs::read_to_string(VECTORS).expect("the repository has it");
    text.lines()
        .map(|line| {
            let fields: Vec<&str> = line.split(' ').collect();
            let [algorithm, validity, special, key, message, signature] = fields[..] else {
                panic!("not six fields: {line}");
            };
            Vector {
                algorithm: algorithm.to_owned(),
                is_valid: validity == "valid",
                special: special.to_owned(),
                key: from_hex(key),
                message: from_hex(message),
                signature: from_hex(signature),
            }
        })
        .collect()
}

pub(crate) fn from_hex(text: &str) -> Vec<u8> {
    let digits = text.as_bytes().chunks(2).map(|digits| std::str::from_utf8(digits).expect("ASCII"));
    digits.map(|digits| u8::from_str_radix(digits, 16).expect("hexadecimal")).collect()
}

fn algorithm_of(provider: &CryptoProvider, name: &str) -> &'static dyn SignatureVerificationAlgorithm {
    let (key, signature): (AlgorithmIdentifier, AlgorithmIdentifier) = match name {
        "rsa-pkcs1-sha256" => (alg_id::RSA_ENCRYPTION, alg_id::RSA_PKCS1_SHA256),
        "rsa-pkcs1-sha384" => (alg_id::RSA_ENCRYPTION, alg_id::RSA_PKCS1_SHA384),
        "rsa-pkcs1-sha512" => (alg_id::RSA_ENCRYPTION, alg_id::RSA_PKCS1_SHA512),
        "rsa-pss-sha256" => (alg_id::RSA_ENCRYPTION, alg_id::RSA_PSS_SHA256),
        "rsa-pss-sha384" => (alg_id::RSA_ENCRYPTION, alg_id::RSA_PSS_SHA384),
        "rsa-pss-sha512" => (alg_id::RSA_ENCRYPTION, alg_id::RSA_PSS_SHA512),
        "ecdsa-p256-sha256" => (alg_id::ECDSA_P256, alg_id::ECDSA_SHA256),
        "ecdsa-p256-sha384" => (alg_id::ECDSA_P256, alg_id::ECDSA_SHA384),
        "ecdsa-p384-sha256" => (alg_id::ECDSA_P384, alg_id::ECDSA_SHA256),
        "ecdsa-p384-sha384" => (alg_id::ECDSA_P384, alg_id::ECDSA_SHA384),
        other => panic!("the test does not know {other}"),
    };
    let all = provider.signature_verification_algorithms.all.iter();
    let mut found = all.filter(|one| one.public_key_alg_id() == key && one.signature_alg_id() == signature);
    *found.next().expect("the provider has it")
}

#[test]
fn verify_signature_accepts_the_valid_and_nothing_else() {
    let vectors = vectors();
    assert!(vectors.len() > 150, "{} vectors", vectors.len());
    let mut wrong = Vec::new();
    for (name, provider) in providers() {
        for vector in &vectors {
            let algorithm = algorithm_of(&provider, &vector.algorithm);
            let verified = algorithm.verify_signature(&vector.key, &vector.message, &vector.signature);
            if verified.is_ok() != vector.is_valid && !(verified.is_err() && may_refuse(name, vector)) {
                wrong.push(format!("{name}: {} {}", vector.algorithm, vector.special));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

//! The pieces between rustls and the primitives, against published vectors.

use rustls::crypto::cipher::{AeadKey, InboundOpaqueMessage, Iv, OutboundChunks, OutboundPlainMessage};
use rustls::crypto::{ActiveKeyExchange, CryptoProvider, SupportedKxGroup, aws_lc_rs};
use rustls::{
    CipherSuite, ContentType, Error, NamedGroup, ProtocolVersion, SupportedCipherSuite, Tls12CipherSuite,
    Tls13CipherSuite,
};

use crate::pair::providers;
use crate::signatures::from_hex;

fn suite_13(provider: &CryptoProvider, suite: CipherSuite) -> &'static Tls13CipherSuite {
    let found = provider.cipher_suites.iter().find(|one| one.suite() == suite);
    found.and_then(SupportedCipherSuite::tls13).expect("the provider has it")
}

fn suite_12(provider: &CryptoProvider, suite: CipherSuite) -> &'static Tls12CipherSuite {
    let found = provider.cipher_suites.iter().find(|one| one.suite() == suite);
    match found.expect("the provider has it") {
        SupportedCipherSuite::Tls12(suite) => suite,
        SupportedCipherSuite::Tls13(_) => panic!("a suite of TLS 1.3"),
    }
}

fn key_of(suite: &Tls13CipherSuite, bytes: &[u8]) -> AeadKey {
    // `AeadKey` can be made from 32 bytes only; rustls shortens it inside. AES-256 needs no shortening.
    assert_eq!(suite.aead_alg.key_len(), 32);
    AeadKey::from(<[u8; 32]>::try_from(bytes).expect("32 bytes"))
}

/// FIPS 180-4, appendix: "abc".
#[test]
fn hash_abc_matches_fips_180() {
    let expected = [
        (
            CipherSuite::TLS13_AES_128_GCM_SHA256,
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
        ),
        (
            CipherSuite::TLS13_AES_256_GCM_SHA384,
            "cb00753f45a35e8bb5a03d699ac65007272c32ab0eded1631a8b605a43ff5bed8086072ba1e7cc2358baeca134c825a7",
        ),
    ];
    for (name, provider) in providers() {
        for (suite, expected) in expected {
            let hash = suite_13(&provider, suite).common.hash_provider;
            assert_eq!(hash.hash(b"abc").as_ref(), from_hex(expected), "{name}");
            let mut context = hash.start();
            context.update(b"a");
            let mut fork = context.fork();
            fork.update(b"bc");
            assert_eq!(fork.fork_finish().as_ref(), from_hex(expected), "{name}");
            context.update(b"other");
            assert_eq!(fork.finish().as_ref(), from_hex(expected), "{name}");
            assert_eq!(hash.output_len(), expected.len() / 2);
        }
    }
}

/// RFC 8448, section 3: "derive secret for handshake".
#[test]
fn hkdf_derived_secret_matches_rfc_8448() {
    let label = [
        &[0, 32, 13],
        b"tls13 derived".as_slice(),
        &[32],
        &from_hex("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
    ]
    .concat();
    for (name, provider) in providers() {
        let hkdf = suite_13(&provider, CipherSuite::TLS13_AES_128_GCM_SHA256).hkdf_provider;
        let mut secret = [0; 32];
        hkdf.extract_from_zero_ikm(None).expand_slice(&[&label], &mut secret).expect("32 bytes");
        let expected = "6f2615a108c702c5678f54fc9dbab69716c076189c48250cebeac3576c3611ba";
        assert_eq!(secret.as_slice(), from_hex(expected), "{name}");
    }
}

/// The vectors of the IETF's TLS working group for the PRF; with SHA-384 computed by Python's `hmac`.
#[test]
fn prf_test_label_matches_known_answer() {
    let secret = from_hex("9bbe436ba940f017b17652849a71db35");
    let seed = from_hex("a0ba9f936cda311827a6f796ffd5198c");
    let expected = [
        (
            CipherSuite::TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
            "e3f229ba727be17b8d122620557cd453c2aab21d07c3d495329b52d4e61edb5a6b301791e90d35c9c9a46b4e14baf9af",
        ),
        (
            CipherSuite::TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
            "dd88775cd827187b67a3f7652b5c13f715791cc46e0274a6d3fb16651103defc544cd8afb68369a219bb918b8b21ddb1",
        ),
    ];
    for (name, provider) in providers() {
        for (suite, expected) in expected {
            let mut output = [0; 48];
            suite_12(&provider, suite).prf_provider.for_secret(&mut output, &secret, b"test label", &seed);
            assert_eq!(output.as_slice(), from_hex(expected), "{name}");
        }
    }
}

/// A record of TLS 1.2 with AES-256-GCM, computed by Python's `cryptography`; the explicit nonce is the iv XOR the sequence.
#[test]
fn encrypt_tls_12_record_matches_known_answer() {
    let key = || AeadKey::from(std::array::from_fn(|at| u8::try_from(at).expect("32 bytes")));
    let expected = from_hex("111213141516171db4b4f5061b5e83953f4e7ad0d1098048d557b88072");
    for (name, provider) in providers() {
        let aead = suite_12(&provider, CipherSuite::TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384).aead_alg;
        let mut encrypter = aead.encrypter(key(), &[1, 2, 3, 4], &from_hex("1112131415161718"));
        let record = encrypter.encrypt(message(b"hello", ProtocolVersion::TLSv1_2), 5).expect("short");
        let mut sealed = record.payload.as_ref().to_vec();
        assert_eq!(sealed, expected, "{name}");
        assert_eq!(encrypter.encrypted_payload_len(5), expected.len());

        let mut decrypter = aead.decrypter(key(), &[1, 2, 3, 4]);
        let mut open = |sealed: &mut [u8], sequence| {
            let kind = ContentType::ApplicationData;
            let message = InboundOpaqueMessage::new(kind, ProtocolVersion::TLSv1_2, sealed);
            decrypter.decrypt(message, sequence).map(|message| message.payload.to_vec())
        };
        assert_eq!(open(&mut sealed.clone(), 5), Ok(b"hello".to_vec()), "{name}");
        assert_eq!(open(&mut sealed.clone(), 6), Err(Error::DecryptError), "{name}: replayed");
        for len in [0, 7, 8, 23, sealed.len() - 1] {
            assert_eq!(open(&mut sealed[..len].to_vec(), 5), Err(Error::DecryptError), "{name}: {len} bytes");
        }
        sealed[9] ^= 1;
        assert_eq!(open(&mut sealed, 5), Err(Error::DecryptError), "{name}: changed");
    }
}

/// The record of a TLS 1.3 connection that another implementation makes with the same key.
#[test]
fn encrypt_tls_13_record_equals_another_implementation() {
    let (key, iv) = ([0x5a; 32], [7; 12]);
    let suite = CipherSuite::TLS13_AES_256_GCM_SHA384;
    let theirs = suite_13(&aws_lc_rs::default_provider(), suite);
    for (name, provider) in providers() {
        let ours = suite_13(&provider, suite);
        for len in [0, 1, 15, 16, 17, 1_000, 16_384] {
            let text = vec![0x42; len];
            let seal = |suite: &Tls13CipherSuite| {
                let mut encrypter = suite.aead_alg.encrypter(key_of(suite, &key), Iv::from(iv));
                let record =
                    encrypter.encrypt(message(&text, ProtocolVersion::TLSv1_3), 1 << 33).expect("short");
                record.payload.as_ref().to_vec()
            };
            let mut sealed = seal(ours);
            assert_eq!(sealed, seal(theirs), "{name}: {len} bytes");
            let mut decrypter = ours.aead_alg.decrypter(key_of(ours, &key), Iv::from(iv));
            let record = InboundOpaqueMessage::new(
                ContentType::ApplicationData,
                ProtocolVersion::TLSv1_2,
                &mut sealed,
            );
            let opened = decrypter.decrypt(record, 1 << 33).expect("unchanged");
            assert_eq!(opened.payload, text.as_slice(), "{name}");
        }
    }
}

fn message(text: &[u8], version: ProtocolVersion) -> OutboundPlainMessage<'_> {
    OutboundPlainMessage { typ: ContentType::ApplicationData, version, payload: OutboundChunks::Single(text) }
}

fn group(provider: &CryptoProvider, name: NamedGroup) -> &'static dyn SupportedKxGroup {
    *provider.kx_groups.iter().find(|group| group.name() == name).expect("the provider has it")
}

fn start(provider: &CryptoProvider, name: NamedGroup) -> Box<dyn ActiveKeyExchange> {
    group(provider, name).start().expect("the system has randomness")
}

/// Both sides get the same secret, over enough random keys to meet one with a leading zero now and then.
#[test]
fn key_exchange_with_another_implementation_agrees() {
    let theirs = aws_lc_rs::default_provider();
    for (name, provider) in providers() {
        for group in [NamedGroup::X25519, NamedGroup::secp256r1] {
            for _ in 0..20 {
                let (one, other) = (start(&provider, group), start(&theirs, group));
                let (of_one, of_other) = (one.pub_key().to_vec(), other.pub_key().to_vec());
                let secret = one.complete(&of_other).expect("a good key");
                let expected = other.complete(&of_one).expect("a good key");
                assert_eq!(secret.secret_bytes(), expected.secret_bytes(), "{name}, {group:?}");
            }
        }
    }
}

/// A share that is not a point of the group could reveal bits of the secret, or fix the result.
#[test]
fn key_exchange_bad_share_is_refused() {
    let theirs = aws_lc_rs::default_provider();
    let good = start(&theirs, NamedGroup::secp256r1).pub_key().to_vec();
    let off_curve = [&good[..64], &[good[64] ^ 1]].concat();
    let compressed = [&[2 + (good[64] & 1)], &good[1..33]].concat();
    let hybrid = [&[6 + (good[64] & 1)], &good[1..]].concat();
    let beyond_field = [&[4], [0xff; 64].as_slice()].concat();
    let p256 = [vec![], vec![0], good[..64].to_vec(), off_curve, compressed, hybrid, beyond_field];
    // Points of small order (RFC 7748, section 6.1): 0, 1, the prime itself.
    let mut prime = [0xff; 32];
    (prime[0], prime[31]) = (0xed, 0x7f);
    let mut one = [0; 32];
    one[0] = 1;
    let x25519 = [vec![], vec![9; 31], vec![9; 33], vec![0; 32], one.to_vec(), prime.to_vec()];
    for (name, provider) in providers() {
        for share in &p256 {
            let refused = start(&provider, NamedGroup::secp256r1).complete(share).is_err();
            assert!(refused, "{name}: P-256 {share:02x?}");
        }
        for share in &x25519 {
            let refused = start(&provider, NamedGroup::X25519).complete(share).is_err();
            assert!(refused, "{name}: X25519 {share:02x?}");
        }
    }
}

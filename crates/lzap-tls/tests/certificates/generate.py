"""Makes the certificates and keys of the tests, all DER; only tests trust them.

Run it in this folder, with the package `cryptography`, to replace them. Each chain NAME has NAME.root.der,
NAME.chain.der (the server's certificates one after the other, its own first) and NAME.key.der (PKCS #8).
"""

from datetime import UTC, datetime
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.x509.oid import NameOID

HOST = "server.lzap.invalid"
VALID = (datetime(2020, 1, 1, tzinfo=UTC), datetime(2049, 12, 31, tzinfo=UTC))
EXPIRED = (datetime(2020, 1, 1, tzinfo=UTC), datetime(2021, 1, 1, tzinfo=UTC))
SHA256, SHA384, SHA512 = hashes.SHA256(), hashes.SHA384(), hashes.SHA512()


def rsa_key(bits):
    return rsa.generate_private_key(public_exponent=65537, key_size=bits)


def p256_key():
    return ec.generate_private_key(ec.SECP256R1())


def p384_key():
    return ec.generate_private_key(ec.SECP384R1())


def name_of(text):
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def issue(subject, key, issuer, issuer_key, digest, is_ca, validity=VALID, pss=False):
    builder = (
        x509.CertificateBuilder()
        .subject_name(name_of(subject))
        .issuer_name(name_of(issuer))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(validity[0])
        .not_valid_after(validity[1])
        .add_extension(x509.BasicConstraints(ca=is_ca, path_length=None), critical=True)
    )
    if not is_ca:
        builder = builder.add_extension(
            x509.SubjectAlternativeName([x509.DNSName(HOST)]), critical=False
        )
    scheme = padding.PSS(padding.MGF1(digest), digest.digest_size) if pss else None
    return builder.sign(issuer_key, digest, rsa_padding=scheme)


def der(certificate):
    return certificate.public_bytes(serialization.Encoding.DER)


def write(chain, root, certificates, key):
    Path(f"{chain}.root.der").write_bytes(der(root))
    Path(f"{chain}.chain.der").write_bytes(b"".join(map(der, certificates)))
    Path(f"{chain}.key.der").write_bytes(
        key.private_bytes(
            serialization.Encoding.DER,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )


def make(chain, keys, digest, validity=VALID, pss=False):
    """Root, intermediates and server, with `keys` in this order, each signed with `digest`."""
    subjects = [f"{chain} {index}" for index in range(len(keys) - 1)] + [HOST]
    root = issue(subjects[0], keys[0], subjects[0], keys[0], digest, True)
    rest = [
        issue(
            subjects[index],
            keys[index],
            subjects[index - 1],
            keys[index - 1],
            digest,
            index < len(keys) - 1,
            validity if index == len(keys) - 1 else VALID,
            pss,
        )
        for index in range(1, len(keys))
    ]
    write(chain, root, rest[::-1], keys[-1])


make("rsa2048", [rsa_key(2048), rsa_key(2048), rsa_key(2048)], SHA256)
make("rsa4096-sha384", [rsa_key(4096), rsa_key(2048)], SHA384)
make("rsa3072-pss-sha512", [rsa_key(3072), rsa_key(2048)], SHA512, pss=True)
make("p256", [p256_key(), p256_key()], SHA256)
make("p384", [p384_key(), p384_key(), p384_key()], SHA384)
# A P-256 server whose authority has P-384, and the reverse: curve and hash need not match.
make("p256-of-p384-sha256", [p384_key(), p256_key()], SHA256)
make("p384-of-p256-sha384", [p256_key(), p384_key()], SHA384)
make("p256-of-rsa1024", [rsa_key(1024), p256_key()], SHA256)
make("expired", [p256_key(), p256_key()], SHA256, validity=EXPIRED)

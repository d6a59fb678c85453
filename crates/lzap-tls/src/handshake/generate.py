"""Makes certificate.der and key.pkcs8.der: a self-signed P-256 certificate that only `check_handshake` trusts.

Run it in this folder, with the package `cryptography`, to replace them.
"""

from datetime import UTC, datetime
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

HOST = "handshake.lzap.invalid"

key = ec.generate_private_key(ec.SECP256R1())
name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, HOST)])
certificate = (
    x509.CertificateBuilder()
    .subject_name(name)
    .issuer_name(name)
    .public_key(key.public_key())
    .serial_number(1)
    .not_valid_before(datetime(2020, 1, 1, tzinfo=UTC))
    .not_valid_after(datetime(2049, 12, 31, tzinfo=UTC))
    .add_extension(x509.SubjectAlternativeName([x509.DNSName(HOST)]), critical=False)
    .sign(key, hashes.SHA256())
)
Path("certificate.der").write_bytes(certificate.public_bytes(serialization.Encoding.DER))
Path("key.pkcs8.der").write_bytes(
    key.private_bytes(
        serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
)

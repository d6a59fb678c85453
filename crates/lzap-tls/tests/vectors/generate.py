"""Makes signatures.txt: signatures that must be accepted, and forgeries that must not.

Run it in this folder, with the package `cryptography`, to replace it. Each line: algorithm, `valid` or `invalid`, what is
special, public key, message, signature (the last three in hexadecimal).
"""

import hashlib

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

MESSAGE = b"what is signed"
HASHES = {"sha256": hashes.SHA256(), "sha384": hashes.SHA384(), "sha512": hashes.SHA512()}
# The last byte of the object identifier and the length, for DigestInfo (RFC 8017, section 9.2).
INFO = {"sha256": (1, 32), "sha384": (2, 48), "sha512": (3, 64)}

lines = []


def add(algorithm, is_valid, special, key, signature, message=MESSAGE):
    validity = "valid" if is_valid else "invalid"
    special = special.replace(" ", "-")
    lines.append(f"{algorithm} {validity} {special} {key.hex()} {message.hex()} {signature.hex()}")


def der_length(length):
    if length < 128:
        return bytes([length])
    octets = length.to_bytes((length.bit_length() + 7) // 8)
    return bytes([128 + len(octets)]) + octets


def tlv(tag, value):
    return bytes([tag]) + der_length(len(value)) + value


def integer(number):
    return tlv(2, number.to_bytes(number.bit_length() // 8 + 1))


# --- RSA ---


def public_der(modulus, exponent):
    return tlv(0x30, integer(modulus) + integer(exponent))


def digest_info(name, digest, parameters=b"\x05\x00"):
    last = INFO[name][0]
    oid = bytes.fromhex("06096086480165030402") + bytes([last])
    return tlv(0x30, tlv(0x30, oid + parameters) + tlv(4, digest))


def mgf1(seed, length, name):
    mask = b""
    counter = 0
    while len(mask) < length:
        mask += hashlib.new(name, seed + counter.to_bytes(4)).digest()
        counter += 1
    return mask[:length]


def pss_encode(name, bits, salt, message=MESSAGE, trailer=b"\xbc", separator=b"\x01", zero=b"\0", clear=True):
    length = (bits - 1 + 7) // 8
    digest = hashlib.new(name, b"\0" * 8 + hashlib.new(name, message).digest() + salt).digest()
    padding_len = length - len(digest) - len(salt) - 2
    block = zero * padding_len + separator + salt
    masked = bytearray(a ^ b for a, b in zip(block, mgf1(digest, len(block), name)))
    if clear:
        masked[0] &= 0xFF >> (8 * length - (bits - 1))
    return bytes(masked) + digest + trailer


def raw_sign(key, encoded):
    """The private operation on any encoding, as a forger with a key would do it."""
    numbers = key.private_numbers()
    modulus = numbers.public_numbers.n
    length = (modulus.bit_length() + 7) // 8
    return pow(int.from_bytes(encoded), numbers.d, modulus).to_bytes(length)


def add_pkcs1(name, key, public, bits):
    length = (bits + 7) // 8
    odd = f" {bits} bits" if bits % 8 else ""
    algorithm = f"rsa-pkcs1-{name}"
    digest = hashlib.new(name, MESSAGE).digest()
    info = digest_info(name, digest)

    def encode(info, first=b"\0\1", fill=b"\xff", after=b"\0", tail=b""):
        rest = after + info + tail
        return first + fill * (length - len(first) - len(rest)) + rest

    good = key.sign(MESSAGE, padding.PKCS1v15(), HASHES[name])
    assert good == raw_sign(key, encode(info))
    add(algorithm, True, "as OpenSSL signs" + odd, public, good)
    add(algorithm, False, "another message", public, good, b"what is signee")
    add(algorithm, False, "a bit flipped", public, good[:-1] + bytes([good[-1] ^ 1]))
    add(algorithm, False, "one byte short", public, good[1:])
    add(algorithm, False, "a zero in front", public, b"\0" + good)
    add(algorithm, False, "empty", public, b"")
    number = int.from_bytes(good) + key.public_key().public_numbers().n
    if number.bit_length() <= 8 * length:
        add(algorithm, False, "plus the modulus", public, number.to_bytes(length))
    add(algorithm, False, "block type 2", public, raw_sign(key, encode(info, b"\0\2")))
    add(algorithm, False, "padding of zeros", public, raw_sign(key, encode(info, fill=b"\0")))
    add(algorithm, False, "no separator", public, raw_sign(key, encode(info, after=b"\xff")))
    no_parameters = digest_info(name, digest, b"")
    add(algorithm, False, "DigestInfo without NULL", public, raw_sign(key, encode(no_parameters)))
    short = b"\0\1" + b"\xff" * 8 + b"\0" + info
    garbage = short + b"\x42" * (length - len(short))
    add(algorithm, False, "bytes after the hash", public, raw_sign(key, garbage))
    add(algorithm, False, "hash without DigestInfo", public, raw_sign(key, encode(digest)))


def add_pss(name, key, public, bits):
    odd = f" {bits} bits" if bits % 8 else ""
    algorithm = f"rsa-pss-{name}"
    size = INFO[name][1]
    scheme = padding.PSS(padding.MGF1(HASHES[name]), size)
    good = key.sign(MESSAGE, scheme, HASHES[name])
    add(algorithm, True, "as OpenSSL signs" + odd, public, good)
    add(algorithm, False, "another message", public, good, b"what is signee")
    add(algorithm, False, "a bit flipped", public, good[:-1] + bytes([good[-1] ^ 1]))
    add(algorithm, False, "one byte short", public, good[1:])
    salt = bytes(range(size))
    length = (bits + 7) // 8

    def forge(special, **changes):
        encoded = pss_encode(name, bits, changes.pop("salt", salt), **changes)
        if int.from_bytes(encoded) < key.public_key().public_numbers().n and len(encoded) <= length:
            add(algorithm, False, special, public, raw_sign(key, encoded))

    add(algorithm, True, "a salt that counts" + odd, public, raw_sign(key, pss_encode(name, bits, salt)))
    forge("no salt", salt=b"")
    forge("a shorter salt", salt=salt[:-1])
    forge("a longer salt", salt=salt + b"\0")
    forge("another trailer", trailer=b"\xcc")
    forge("another separator", separator=b"\x02")
    forge("padding of ones", zero=b"\x01")
    pkcs1 = key.sign(MESSAGE, padding.PKCS1v15(), HASHES[name])
    add(algorithm, False, "a signature of PKCS 1 v1.5", public, pkcs1)


def key_of_2049_bits():
    """OpenSSL makes even lengths only: takes the primes of two keys."""
    while True:
        p = rsa.generate_private_key(public_exponent=65537, key_size=2050).private_numbers().p
        q = rsa.generate_private_key(public_exponent=65537, key_size=2048).private_numbers().q
        if (p * q).bit_length() == 2049:
            d = pow(65537, -1, (p - 1) * (q - 1))
            public = rsa.RSAPublicNumbers(65537, p * q)
            remainders = rsa.rsa_crt_dmp1(d, p), rsa.rsa_crt_dmq1(d, q), rsa.rsa_crt_iqmp(p, q)
            return rsa.RSAPrivateNumbers(p, q, d, *remainders, public).private_key()


def add_rsa(key, names):
    numbers = key.public_key().public_numbers()
    bits = numbers.n.bit_length()
    public = public_der(numbers.n, numbers.e)
    for name in names:
        add_pkcs1(name, key, public, bits)
        add_pss(name, key, public, bits)
    return key, public


# With 2,049 bits the encoding of PSS is a byte shorter than the modulus.
add_rsa(key_of_2049_bits(), ["sha256"])
add_rsa(rsa.generate_private_key(public_exponent=65537, key_size=3070), ["sha384"])
key, public = add_rsa(
    rsa.generate_private_key(public_exponent=65537, key_size=2048), ["sha256", "sha384", "sha512"]
)

good = key.sign(MESSAGE, padding.PKCS1v15(), HASHES["sha256"])
numbers = key.public_key().public_numbers()
PKCS1 = "rsa-pkcs1-sha256"
add(PKCS1, False, "key with a byte after it", public + b"\0", good)
add(PKCS1, False, "key cut off", public[:-1], good)
add(PKCS1, False, "key empty", b"", good)
add(PKCS1, False, "exponent 1", public_der(numbers.n, 1), good)
add(PKCS1, False, "exponent even", public_der(numbers.n, 65536), good)
add(PKCS1, False, "exponent of 40 bits", public_der(numbers.n, (1 << 39) + 1), good)
add(PKCS1, False, "modulus even", public_der(numbers.n - 1, 65537), good)
add(PKCS1, False, "modulus negative", tlv(0x30, tlv(2, numbers.n.to_bytes(256)) + integer(65537)), good)
# With exponent 1 the "signature" is the encoding itself: no private key needed.
encoded = b"\0\1" + b"\xff" * 202 + b"\0" + digest_info("sha256", hashlib.sha256(MESSAGE).digest())
add(PKCS1, False, "exponent 1 and the encoding", public_der(numbers.n, 1), encoded)
small = rsa.generate_private_key(public_exponent=65537, key_size=1024)
small_numbers = small.public_key().public_numbers()
small_public = public_der(small_numbers.n, small_numbers.e)
add(PKCS1, False, "key of 1024 bits", small_public, small.sign(MESSAGE, padding.PKCS1v15(), HASHES["sha256"]))
three = rsa.generate_private_key(public_exponent=3, key_size=2048)
three_numbers = three.public_key().public_numbers()
three_public = public_der(three_numbers.n, three_numbers.e)
add(PKCS1, True, "exponent 3", three_public, three.sign(MESSAGE, padding.PKCS1v15(), HASHES["sha256"]))
# Bleichenbacher 2006: a cube root whose cube begins like a valid encoding.
prefix = b"\0\1\xff\xff\xff\xff\xff\xff\xff\xff\0" + digest_info("sha256", hashlib.sha256(MESSAGE).digest())
target = int.from_bytes(prefix + b"\xff" * (256 - len(prefix)))
root = 1 << (target.bit_length() // 3 + 1)
while True:
    closer = (2 * root + target // (root * root)) // 3
    if closer >= root:
        break
    root = closer
assert (root**3).to_bytes(256).startswith(prefix[:40])
add(PKCS1, False, "forged cube root", three_public, root.to_bytes(256))
add(PKCS1, False, "zero", public, bytes(256))
add(PKCS1, False, "one", public, bytes(255) + b"\1")
add(PKCS1, False, "the modulus less one", public, (numbers.n - 1).to_bytes(256))

# --- ECDSA ---

ORDERS = {
    "p256": 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551,
    "p384": 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFC7634D81F4372DDF581A0DB248B0A77AECEC196ACCC52973,
}


def signature_der(r, s):
    return tlv(0x30, integer(r) + integer(s))


def point(key, form=serialization.PublicFormat.UncompressedPoint):
    return key.public_key().public_bytes(serialization.Encoding.X962, form)


def add_ecdsa(curve_name, curve, name):
    algorithm = f"ecdsa-{curve_name}-{name}"
    key = ec.generate_private_key(curve)
    public = point(key)
    order = ORDERS[curve_name]
    good = key.sign(MESSAGE, ec.ECDSA(HASHES[name]))
    r, s = decode_dss_signature(good)
    add(algorithm, True, "as OpenSSL signs", public, good)
    # Both s and -s are valid: TLS asks for no canonical form.
    add(algorithm, True, "s negated", public, signature_der(r, order - s))
    add(algorithm, False, "another message", public, good, b"what is signee")
    for special, signature in [
        ("r zero", signature_der(0, s)),
        ("s zero", signature_der(r, 0)),
        ("both zero", signature_der(0, 0)),
        ("both one", signature_der(1, 1)),
        ("r is the order", signature_der(order, s)),
        ("s is the order", signature_der(r, order)),
        ("r plus the order", signature_der(r + order, s)),
        ("s plus the order", signature_der(r, s + order)),
        ("r and s swapped", signature_der(s, r)),
        ("r negative", tlv(0x30, tlv(2, b"\x80" + bytes(31)) + integer(s))),
        ("a byte after it", good + b"\0"),
        ("a byte within it", tlv(0x30, integer(r) + integer(s) + b"\0")),
        ("cut off", good[:-1]),
        ("empty", b""),
        ("empty sequence", b"\x30\0"),
        ("long form of the length", b"\x30\x81" + good[1:]),
        ("indefinite length", b"\x30\x80" + good[2:] + b"\0\0"),
        ("a needless zero", tlv(0x30, tlv(2, b"\0\0" + r.to_bytes(r.bit_length() // 8 + 1)) + integer(s))),
        ("not DER but r and s", r.to_bytes(len(public) // 2) + s.to_bytes(len(public) // 2)),
    ]:
        add(algorithm, False, special, public, signature)
    add(algorithm, False, "another key", point(ec.generate_private_key(curve)), good)
    add(algorithm, False, "key not on the curve", public[:-1] + bytes([public[-1] ^ 1]), good)
    add(algorithm, False, "key at infinity", b"\0", good)
    add(algorithm, False, "key cut off", public[:-1], good)
    add(algorithm, False, "key empty", b"", good)
    compressed = point(key, serialization.PublicFormat.CompressedPoint)
    add(algorithm, False, "key compressed", compressed, good)


for curve_name, curve in [("p256", ec.SECP256R1()), ("p384", ec.SECP384R1())]:
    for name in ["sha256", "sha384"]:
        add_ecdsa(curve_name, curve, name)

with open("signatures.txt", "w", encoding="ascii") as file:
    file.write("\n".join(lines) + "\n")

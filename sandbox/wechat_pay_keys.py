"""Keys and certificates of WeChat Pay, made at random once per data folder: what the merchant is given, and what WeChat keeps for itself."""

import json
import secrets
import string
from dataclasses import dataclass
from datetime import timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from sandbox.book import now

OWN = "wechat-pay-platform.json"  # what no merchant ever sees
YEARS = timedelta(days=5 * 365)  # life of a platform certificate and of a merchant's
_PEM = serialization.Encoding.PEM
Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Keys:
    """Loaded once; `signers` holds both keys WeChat signs with, by what stands in Wechatpay-Serial."""

    mchid: str
    appid: str
    api_key: str
    apiv3_key: str
    merchant_serial: str
    merchant: rsa.RSAPublicKey
    public_key_id: str
    platform_serial: str
    platform_cert: x509.Certificate
    platform_pem: str
    signers: dict[str, rsa.RSAPrivateKey]


def make() -> tuple[Json, Json]:
    """(accounts.json's wechat.pay, the content of OWN). Test merchants' numbers begin with 99."""
    letters = string.ascii_letters + string.digits
    merchant, platform, public_mode = (rsa.generate_private_key(65537, 2048) for _ in range(3))
    authority, server = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    mchid = "99" + "".join(secrets.choice(string.digits) for _ in range(8))
    root = _certificate("Sandbox Pay Root CA", authority, None, authority)
    merchant_cert = _certificate(mchid, merchant, root, authority)
    platform_cert = _certificate("Tenpay.com sign", platform, root, authority)
    public_id = "PUB_KEY_ID_0" + mchid + "".join(secrets.choice(string.digits) for _ in range(20))
    given = {
        "mchid": mchid,
        "api_key": "".join(secrets.choice(letters) for _ in range(32)),
        "apiv3_key": "".join(secrets.choice(letters) for _ in range(32)),
        "sign_type": "HMAC-SHA256",
        "merchant_serial": serial(merchant_cert),
        "merchant_private_key": _private(merchant),
        "merchant_cert": _pem(merchant_cert),
        "platform_keys": {
            public_id: public_mode.public_key().public_bytes(_PEM, serialization.PublicFormat.SubjectPublicKeyInfo).decode(),
            serial(platform_cert): _pem(platform_cert),
        },
        "refund_url": "",
        "refund_ca": _pem(root),
    }
    server_cert = _certificate("localhost", server, root, authority)
    kept = {"signers": {public_id: _private(public_mode), serial(platform_cert): _private(platform)}}
    return given, {**kept, "server": _private(server) + _pem(server_cert)}


def load(folder: Path, wechat: Json) -> Keys:
    """`wechat`: that part of accounts.json."""
    given, kept = wechat["pay"], json.loads((folder / OWN).read_text())
    public_id, platform_serial = sorted(given["platform_keys"], key=lambda name: not name.startswith("PUB_KEY_ID_"))
    merchant = x509.load_pem_x509_certificate(given["merchant_cert"].encode()).public_key()
    if not isinstance(merchant, rsa.RSAPublicKey):
        raise TypeError("the merchant's key is RSA")
    return Keys(
        given["mchid"],
        wechat["appid"],
        given["api_key"],
        given["apiv3_key"],
        given["merchant_serial"],
        merchant,
        public_id,
        platform_serial,
        x509.load_pem_x509_certificate(given["platform_keys"][platform_serial].encode()),
        given["platform_keys"][platform_serial],
        {name: _load_private(pem) for name, pem in kept["signers"].items()},
    )


def serial(cert: x509.Certificate) -> str:
    return f"{cert.serial_number:X}"


def _load_private(pem: str) -> rsa.RSAPrivateKey:
    key = serialization.load_pem_private_key(pem.encode(), None, unsafe_skip_rsa_key_validation=True)  # our own: the check takes 40 ms
    if not isinstance(key, rsa.RSAPrivateKey):
        raise TypeError("a platform key is RSA")
    return key


def _certificate(
    name: str, key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey, root: x509.Certificate | None, authority: ec.EllipticCurvePrivateKey
) -> x509.Certificate:
    """Signed by the root; `root` None: the root itself. Serials have 40 hex digits, as WeChat's have."""
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    built = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject if root is None else root.subject)
        .public_key(key.public_key())
        .serial_number(int("4" + secrets.token_hex(20)[1:], 16))
        .not_valid_before(now() - timedelta(days=1))
        .not_valid_after(now() + YEARS)
        .add_extension(x509.BasicConstraints(ca=root is None, path_length=None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(authority.public_key()), critical=False)
    )
    if root is None:
        signs = dict.fromkeys(("digital_signature", "key_cert_sign", "crl_sign"), True)
        rest = ("content_commitment", "key_encipherment", "data_encipherment", "key_agreement", "encipher_only", "decipher_only")
        built = built.add_extension(x509.KeyUsage(**signs, **dict.fromkeys(rest, False)), critical=True)
    else:
        usage = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH if name == "localhost" else ExtendedKeyUsageOID.CLIENT_AUTH])
        built = built.add_extension(usage, critical=False)
    if name == "localhost":
        names = [x509.DNSName("localhost"), x509.DNSName("sandbox"), x509.IPAddress(ip_address("127.0.0.1")), x509.IPAddress(ip_address("::1"))]
        built = built.add_extension(x509.SubjectAlternativeName(names), critical=False)
    return built.sign(authority, hashes.SHA256())


def _private(key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey) -> str:
    return key.private_bytes(_PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()).decode()


def _pem(cert: x509.Certificate) -> str:
    return cert.public_bytes(_PEM).decode()

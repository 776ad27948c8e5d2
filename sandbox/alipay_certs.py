"""Alipay's certificate mode: who signed whose key, and the serials a call carries instead of the certificates."""

import hashlib
from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, load_pem_public_key
from cryptography.x509.oid import NameOID

_YEARS = 20
_Signer = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey
_RSA_SIGNATURES = "1.2.840.113549.1.1."  # PKCS#1: every OID of a signature by an RSA key begins so


def issued(app_public_key: str, platform_public_keys: tuple[str, str]) -> tuple[dict[str, str], str]:
    """{app_cert, alipay_cert, alipay_root_cert}, PEM, and the certificate that will follow Alipay's. The authorities' keys are thrown away.

    As in the files merchants download, Alipay's certificate is followed by the authority's between it and the root, and the
    file of roots also holds one whose signature is not RSA, which its serial leaves out.
    """
    root, between = (rsa.generate_private_key(65537, 2048) for _ in range(2))
    other = ec.generate_private_key(ec.SECP256R1())
    roots = [_own(key, f"Sandbox Certification Authority {name}") for name, key in (("E1", other), ("R1", root), ("R2", root))]
    authority = _certificate("Sandbox Certification Authority Class 1 R1", between.public_key(), roots[1].subject, root, authority=True)
    names = (("zhangban", app_public_key), *(("Alipay", key) for key in platform_public_keys))
    app, platform, following = (_certificate(name, _rsa(key), authority.subject, between) for name, key in names)
    made = {"app_cert": _pem(app), "alipay_cert": _pem(platform, authority), "alipay_root_cert": _pem(*roots)}
    return made, _pem(following, authority)


def serial(pem: str) -> str:
    """The "SN" of the first certificate: MD5 over its issuer, the smallest part first, and its decimal serial number."""
    return _serial(x509.load_pem_x509_certificate(pem.encode()))


def root_serial(pem: str) -> str:
    """Those of the roots signed with RSA, joined by _."""
    found = x509.load_pem_x509_certificates(pem.encode())
    return "_".join(_serial(one) for one in found if one.signature_algorithm_oid.dotted_string.startswith(_RSA_SIGNATURES))


def _serial(one: x509.Certificate) -> str:
    issuer = {part.oid: str(part.value) for part in one.issuer}
    named = ",".join(
        f"{name}={issuer[oid]}"
        for name, oid in (
            ("CN", NameOID.COMMON_NAME),
            ("OU", NameOID.ORGANIZATIONAL_UNIT_NAME),
            ("O", NameOID.ORGANIZATION_NAME),
            ("C", NameOID.COUNTRY_NAME),
        )
    )
    return hashlib.md5(f"{named}{one.serial_number}".encode(), usedforsecurity=False).hexdigest()


def _own(key: _Signer, name: str) -> x509.Certificate:
    return _certificate(name, key.public_key(), _name(name), key, authority=True)


def _certificate(
    name: str, public: rsa.RSAPublicKey | ec.EllipticCurvePublicKey, issuer: x509.Name, signer: _Signer, *, authority: bool = False
) -> x509.Certificate:
    begins = datetime.now(UTC) - timedelta(days=1)
    made = x509.CertificateBuilder().subject_name(_name(name)).issuer_name(issuer).public_key(public).serial_number(x509.random_serial_number())
    made = made.not_valid_before(begins).not_valid_after(begins + timedelta(days=365 * _YEARS))
    return made.add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True).sign(signer, hashes.SHA256())


def _name(name: str) -> x509.Name:
    parts = (
        (NameOID.COUNTRY_NAME, "CN"),
        (NameOID.ORGANIZATION_NAME, "Sandbox"),
        (NameOID.ORGANIZATIONAL_UNIT_NAME, "Certification Authority"),
        (NameOID.COMMON_NAME, name),
    )
    return x509.Name([x509.NameAttribute(oid, value) for oid, value in parts])


def _rsa(pem: str) -> rsa.RSAPublicKey:
    key = load_pem_public_key(pem.encode())
    if not isinstance(key, rsa.RSAPublicKey):
        raise TypeError("Alipay's keys are RSA")
    return key


def _pem(*many: x509.Certificate) -> str:
    """An empty line between two, which python-alipay-sdk cuts at."""
    return "\n".join(one.public_bytes(Encoding.PEM).decode() for one in many)

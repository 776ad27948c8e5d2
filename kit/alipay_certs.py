"""Alipay's certificate mode: serial numbers ("SN") of certificates and the keys inside them. Reads PEM, holds no secret, does no I/O.

Rules: opendocs.alipay.com, 公钥证书签名: SN = md5(issuer's name + serial number in decimal); of the root file, those with an RSA signature.
"""

import hashlib

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa

_RSA_SIGNATURES = "1.2.840.113549.1.1."  # the arc of PKCS #1; Alipay's root file also holds an SM2 certificate, which does not count


def serial_number(pem: str) -> str:
    """SN of the first certificate. Raises ValueError for anything that is no certificate."""
    return _sn(_read(pem)[0])


def root_serial_number(pem: str) -> str:
    """SNs of the root file's RSA certificates, joined by `_`, however they are spaced (the SDK wants an empty line between them)."""
    found = [_sn(one) for one in _read(pem) if one.signature_algorithm_oid.dotted_string.startswith(_RSA_SIGNATURES)]
    if not found:
        raise ValueError("Alipay's root file holds no RSA certificate")
    return "_".join(found)


def public_keys(pem: str) -> dict[str, rsa.RSAPublicKey]:
    """SN -> key of every certificate that is no authority's: Alipay's file may hold the issuer's too, and the old one beside the new."""
    found = {}
    for one in _read(pem):
        if _is_authority(one):
            continue
        key = one.public_key()
        if not isinstance(key, rsa.RSAPublicKey):
            raise ValueError("Alipay's certificate holds an RSA key")
        found[_sn(one)] = key
    if not found:
        raise ValueError("no certificate of Alipay's own")
    return found


def _read(pem: str) -> list[x509.Certificate]:
    return x509.load_pem_x509_certificates(pem.encode())


def _sn(certificate: x509.Certificate) -> str:
    """The issuer as RFC 4514 writes it (`CN=..,OU=..,O=..,C=..`), which is what Alipay's own Java SDK hashes."""
    text = certificate.issuer.rfc4514_string() + str(certificate.serial_number)
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()


def _is_authority(certificate: x509.Certificate) -> bool:
    try:
        return certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    except x509.ExtensionNotFound:
        return False

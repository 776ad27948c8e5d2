"""How EMS seals a body: |$4| and base64 of SM4-ECB with PKCS#7 padding, keyed with the sign key, which is also written behind a request's JSON.

Reference: the sample code of api.ems.com.cn's open platform for contract customers (国内协议客户).
"""

import base64
import binascii

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.padding import PKCS7

MARK = "|$4|"


def sealed(text: str, sign_key: str) -> str:
    """`text` as it is: a request brings its sign key behind it, a push does not."""
    padding, cipher = PKCS7(128).padder(), _cipher(sign_key).encryptor()
    plain = padding.update(text.encode()) + padding.finalize()
    return MARK + base64.b64encode(cipher.update(plain) + cipher.finalize()).decode()


def opened(body: str, sign_key: str) -> str:
    """Raises ValueError for anything this key did not seal."""
    if not body.startswith(MARK):
        raise ValueError("no mark")
    try:
        raw = base64.b64decode(body.removeprefix(MARK), validate=True)
    except binascii.Error as exc:
        raise ValueError("no base64") from exc
    cipher, padding = _cipher(sign_key).decryptor(), PKCS7(128).unpadder()
    plain = cipher.update(raw) + cipher.finalize()
    return (padding.update(plain) + padding.finalize()).decode()


def _cipher(sign_key: str) -> Cipher[modes.ECB]:
    return Cipher(algorithms.SM4(base64.b64decode(sign_key)), modes.ECB())  # noqa: S305 - EMS's own

"""One merchant at WeChat Pay: what v2 and v3 need to know of it. No part of it but the merchant's number may reach a log."""

import ssl
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from kit.ids import new_token


@dataclass(frozen=True, slots=True)
class WeChatPayAccount:
    """`url`: https://api.mch.weixin.qq.com. `refund_url`: where v2 refunds, https://api.mch.weixin.qq.com/secapi/pay/refund; it asks for a certificate.

    `api_key`: v2, 32 characters; `sign_type`: what v2 calls are signed with. `apiv3_key`: 32 bytes. Keys and certificates are PEM.
    `platform_keys`: WeChat's own, by the serial it names: a public key under PUB_KEY_ID_…, a certificate under its hexadecimal serial number.
    """

    url: str = field(repr=False)
    mchid: str
    appid: str = field(repr=False)
    api_key: str = field(repr=False)
    sign_type: Literal["HMAC-SHA256", "MD5"] = field(repr=False)
    apiv3_key: str = field(repr=False)
    merchant_serial: str = field(repr=False)
    merchant_private_key: str = field(repr=False)
    merchant_cert: str = field(repr=False)
    platform_keys: Mapping[str, str] = field(repr=False)
    refund_url: str = field(repr=False)


def refund_identity(account: WeChatPayAccount, ca: str = "") -> ssl.SSLContext:
    """The TLS context that presents the merchant's certificate, for `Http(identities={account.refund_url: …})`. Built once, at start.

    `ca`: PEM of the one authority to trust; "" for the system's. Raises ValueError for what is no key or certificate of this merchant.
    """
    context = ssl.create_default_context(cadata=ca or None)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    password = new_token()  # OpenSSL reads files only: the key is not laid on a disk in the clear
    try:
        key = load_pem_private_key(account.merchant_private_key.encode(), None)
        sealed = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.BestAvailableEncryption(password.encode())
        )
        with tempfile.NamedTemporaryFile(suffix=".pem") as file:
            file.write(account.merchant_cert.encode() + b"\n" + sealed)
            file.flush()
            context.load_cert_chain(file.name, password=password)
    except (ssl.SSLError, TypeError, ValueError) as exc:
        raise ValueError("the merchant's certificate and private key do not make an identity") from exc
    return context

"""The seals of WeChat Pay v2 (XML): signed and written by wechatpy, with its gaps closed.

wechatpy checks no reply's signature and notices for MD5 alone, compares with `!=`, leaves `]]>` in a CDATA section, drops an int 0 from what
it signs, looks at no padding, hands a document to xmltodict unexamined, and logs the key with everything it signs. (docs/decisions/0008)
"""

import base64
import binascii
import hmac
import logging
from collections.abc import Mapping

from wechatpy.crypto import RefundCrypto, WeChatRefundCrypto
from wechatpy.pay.utils import calculate_signature, calculate_signature_hmac, dict_to_xml

from kit.wechat_crypto import UnreadablePush, fields
from payments.gateways import Forged
from payments.wechat_pay_account import WeChatPayAccount

logging.getLogger("wechatpy.pay.utils").setLevel(logging.INFO)  # at DEBUG it writes the API key; `disabled` any dictConfig would undo

_MAX_PADDING = 32  # WeChat pads to 16 bytes, wechatpy itself to 32


class Seals:
    """Of one merchant. Raises ValueError for an API key of the wrong length: an empty one would let anybody sign."""

    def __init__(self, account: WeChatPayAccount) -> None:
        if len(account.api_key) != 32:
            raise ValueError("an API key (v2) has 32 characters")
        self._api_key, self._sign_type = account.api_key, account.sign_type
        self._box = RefundCrypto(WeChatRefundCrypto(account.api_key).key)

    def document(self, values: Mapping[str, str]) -> bytes:
        """The signed <xml> of a call; empty values are left out. A value that would end its CDATA section is split over two after signing."""
        kept = {name: value for name, value in values.items() if value} | {"sign_type": self._sign_type}
        sign = self.signature(kept)
        return str(dict_to_xml({name: value.replace("]]>", "]]]]><![CDATA[>") for name, value in kept.items()}, sign)).encode()

    def signature(self, values: Mapping[str, str], sign_type: str = "") -> str:
        """Upper-case hexadecimal over every value but `sign`, as the account signs unless told otherwise."""
        signed = {name: value for name, value in values.items() if name != "sign"}
        return str((calculate_signature if (sign_type or self._sign_type) == "MD5" else calculate_signature_hmac)(signed, self._api_key))

    def checked(self, found: Mapping[str, str]) -> None:
        """Either way of signing is theirs: 0.06 % of notices came in MD5 for orders in HMAC-SHA256. Raises Forged: unsigned, bad_signature."""
        sign = found.get("sign", "").upper().encode()
        if not sign:
            raise Forged("unsigned")
        if not any(hmac.compare_digest(sign, self.signature(found, way).encode()) for way in ("HMAC-SHA256", "MD5")):
            raise Forged("bad_signature")

    def opened(self, req_info: str) -> dict[str, str]:
        """The values inside a refund notice. Whoever has no key cannot make one; but it is no signature, and blocks could be shuffled.

        Raises Forged: not_base64, no_key_opens_it.
        """
        try:
            sealed = base64.b64decode(req_info, validate=True)
        except (binascii.Error, ValueError) as exc:
            raise Forged("not_base64") from exc
        if not sealed or len(sealed) % 16:
            raise Forged("no_key_opens_it")
        plain = self._box.cipher.decrypt(sealed)
        padding = plain[-1]
        if not 1 <= padding <= _MAX_PADDING or plain[-padding:] != bytes([padding]) * padding:
            raise Forged("no_key_opens_it")
        try:
            return document_fields(plain[:-padding])
        except Forged as exc:
            raise Forged("no_key_opens_it") from exc


def document_fields(body: bytes) -> dict[str, str]:
    """The values of an XML document: no document type, no entities of its own, no depth, no name twice, 64 KiB. Raises Forged: not_xml."""
    if body.lstrip()[:1] != b"<":
        raise Forged("not_xml")
    try:
        return fields(body)
    except UnreadablePush as exc:
        raise Forged("not_xml") from exc

"""Alipay's signatures, both ways: a call is checked before anything is done, and a reply is signed over its exact inner text."""

import base64
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from sanic import HTTPResponse

from sandbox.accounts import ALIPAY_NEXT, alipay_private_key
from sandbox.alipay_certs import root_serial, serial
from sandbox.faults import Faults

_TIMESTAMP = re.compile(r"\d{4}-\d{2}-\d{2} \d{2}:\d{2}:\d{2}")


class Fault(Exception):
    """A refusal: code, sub_code and their texts."""

    def __init__(self, code: str, msg: str, sub_code: str, sub_msg: str) -> None:
        super().__init__(sub_code)
        self.body = {"code": code, "msg": msg, "sub_code": sub_code, "sub_msg": sub_msg}


def failed(sub_code: str, sub_msg: str) -> Fault:
    """40004: understood, and not done."""
    return Fault("40004", "Business Failed", sub_code, sub_msg)


@dataclass(frozen=True, slots=True)
class Call:
    """A call whose signature is right. `world`: the address it came to, for addresses given out."""

    given: dict[str, str]
    world: str

    def biz(self) -> dict[str, Any]:
        """biz_content; raises Fault when it is no JSON object."""
        try:
            asked = orjson.loads(self.given.get("biz_content", ""))
        except orjson.JSONDecodeError:
            asked = None
        if not isinstance(asked, dict):
            raise Fault("40002", "Invalid Arguments", "isv.invalid-parameter", "biz_content不正确")
        return asked


class Gate:
    """One merchant app, with its key or with certificates as each call chooses. With certificates Alipay may change over to its next key."""

    def __init__(self, account: dict[str, Any], folder: Path, faults: Faults) -> None:
        key = load_pem_public_key(account["app_public_key"].encode())
        if not isinstance(key, rsa.RSAPublicKey):
            raise TypeError("the app key is RSA")
        self._merchant = key
        self._platform, self._next = alipay_private_key(folder), alipay_private_key(folder, ALIPAY_NEXT)
        self._app_id = account["app_id"]
        self._serials = {"app_cert_sn": serial(account["app_cert"]), "alipay_root_cert_sn": root_serial(account["alipay_root_cert"])}
        following = (folder / ALIPAY_NEXT).read_text()
        self._certificates = {serial(pem): pem for pem in (account["alipay_cert"], following[following.index("-----BEGIN CERTIFICATE") :])}
        self._faults = faults

    def check(self, given: dict[str, str]) -> None:
        """Raises Fault. Empty parameters are not part of what is signed."""
        for name in ("app_id", "method", "charset", "sign_type", "sign", "timestamp", "version"):
            if not given.get(name):
                raise Fault("40001", "Missing Required Arguments", f"isv.missing-{name.replace('_', '-')}", f"缺少参数 {name}")
        if given["app_id"] != self._app_id:
            raise Fault("40002", "Invalid Arguments", "isv.invalid-app-id", "无效的AppID参数")
        if given["sign_type"] != "RSA2" or not _TIMESTAMP.fullmatch(given["timestamp"]):
            raise Fault("40002", "Invalid Arguments", "isv.invalid-parameter", "参数格式不正确")
        if certified(given):
            for name, own in self._serials.items():
                if given.get(name) != own:
                    raise Fault("40002", "Invalid Arguments", f"isv.invalid-{name.replace('_', '-')}", f"{name}不正确，请检查证书")
        message = "&".join(f"{key}={value}" for key, value in sorted(given.items()) if key != "sign" and value != "")
        try:
            self._merchant.verify(base64.b64decode(given["sign"]), message.encode(), padding.PKCS1v15(), hashes.SHA256())
        except (InvalidSignature, ValueError):
            raise Fault("40002", "Invalid Arguments", "isv.invalid-signature", "验签出错，请检查签名内容与密钥") from None

    def sign(self, text: bytes) -> str:
        return _signed(self._platform, text)

    def certificate(self, call: Call) -> dict[str, Any]:
        """alipay.open.app.alipaycert.download {alipay_cert_sn}: for a client that meets a serial it does not know."""
        found = self._certificates.get(str(call.biz().get("alipay_cert_sn")))
        if found is None:
            raise failed("CERT_NOT_EXIST", "证书不存在")
        return {"code": "10000", "msg": "Success", "alipay_cert_content": base64.b64encode(found.encode()).decode()}

    def reply(self, name: str, inner: dict[str, Any], *, signed: bool, with_certificate: bool = False) -> HTTPResponse:
        text, tail, key = orjson.dumps(inner).decode(), "", self._platform
        if signed and with_certificate:
            own, following = self._certificates
            changed = self._faults.now["alipay"]["next_cert"]
            key, tail = (self._next, f',"alipay_cert_sn":"{following}"') if changed else (key, f',"alipay_cert_sn":"{own}"')
        if signed:
            tail += f',"sign":"{_signed(key, text.encode())}"'
        return HTTPResponse(f'{{"{name}":{text}{tail}}}', content_type="text/html;charset=utf-8")


def _signed(key: rsa.RSAPrivateKey, text: bytes) -> str:
    return base64.b64encode(key.sign(text, padding.PKCS1v15(), hashes.SHA256())).decode()


def certified(given: dict[str, str]) -> bool:
    """Whether a call comes with certificates instead of bare keys."""
    return bool(given.get("app_cert_sn") or given.get("alipay_root_cert_sn"))

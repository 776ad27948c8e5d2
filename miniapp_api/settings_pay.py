"""ZHANGBAN_WECHAT_PAY and ZHANGBAN_ALIPAY_PAY: the merchants whose money comes here. Everything wrong is told at once, and never the value itself."""

import json
import re
from dataclasses import dataclass
from typing import Any, Literal
from urllib.parse import urlsplit

from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import load_pem_private_key, load_pem_public_key
from cryptography.x509 import load_pem_x509_certificates

from payments.wechat_pay_account import WeChatPayAccount

WECHAT, ALIPAY = "ZHANGBAN_WECHAT_PAY", "ZHANGBAN_ALIPAY_PAY"
GATEWAY = "https://api.mch.weixin.qq.com"
_MCHID = re.compile(r"[0-9]{6,32}")
_KEY = re.compile(r"[0-9A-Za-z]{32}")
_SERIAL = re.compile(r"[0-9A-Fa-f]{8,64}")
_SELLER = re.compile(r"2088[0-9]{12}")
_WECHAT_KNOWN = frozenset(
    "use mchid api_key sign_type apiv3_key merchant_serial merchant_private_key merchant_cert platform_keys url refund_url refund_ca".split()
)
DOWNLOADS = "https://dwbillcenter.alipay.com"  # where Alipay keeps its statements
_ALIPAY_KNOWN = frozenset("seller_id app_cert alipay_cert alipay_root_cert download_url".split())


@dataclass(frozen=True, slots=True)
class WeChatPaySettings:
    """`use`: where new orders go; the other version stays open for orders made before. `refund_ca`: trusted for v2's refunds, "" for the system's."""

    account: WeChatPayAccount
    use: Literal["v2", "v3"]
    refund_ca: str


@dataclass(frozen=True, slots=True)
class AlipayPaySettings:
    """`download_url`: origin that statements are fetched from, where it is not the gateway's."""

    seller_id: str
    certificates: tuple[str, str, str] | None  # app, alipay, root
    download_url: str

    def __repr__(self) -> str:
        return f"AlipayPaySettings({self.seller_id!r})"


def wechat_pay(given: str, appid: str, *, production: bool) -> tuple[WeChatPaySettings | None, list[str]]:
    """None: not configured. `appid` is the mini-program's."""
    if not given:
        return None, []
    told = _object(given)
    if told is None:
        return None, [f"{WECHAT} 应为 JSON 对象（见 docs/operations.md）"]
    one: dict[str, Any] = {
        "use": "v3",
        "sign_type": "HMAC-SHA256",
        "api_key": "",
        "merchant_cert": "",
        "url": GATEWAY,
        "refund_url": "",
        "refund_ca": "",
        **told,
    }
    wrong = _wrong_wechat(one) + (_pretend_wechat(one) if production else [])
    if wrong:
        return None, [f"{WECHAT}：{what}" for what in wrong]
    names = ("url", "mchid", "api_key", "sign_type", "apiv3_key", "merchant_serial", "merchant_private_key", "merchant_cert", "platform_keys")
    account = WeChatPayAccount(**{name: one[name] for name in names}, appid=appid, refund_url=one["refund_url"] or one["url"])
    return WeChatPaySettings(account, one["use"], one["refund_ca"]), []


def alipay_pay(given: str, private_key: str, *, production: bool) -> tuple[AlipayPaySettings | None, list[str]]:
    if not given:
        return None, []
    one = _object(given)
    if one is None:
        return None, [f"{ALIPAY} 应为 JSON 对象（见 docs/operations.md）"]
    wrong = [f"不认识 {'、'.join(extra)}"] if (extra := sorted(set(one) - _ALIPAY_KNOWN)) else []
    if not _matches(_SELLER, one.get("seller_id")):
        wrong.append("seller_id 应为 2088 开头的 16 位数字")
    chain = tuple(one.get(name) or "" for name in ("app_cert", "alipay_cert", "alipay_root_cert"))
    if any(chain) and not all(chain):
        wrong.append("证书模式要同时给出 app_cert、alipay_cert 和 alipay_root_cert")
    elif any(chain) and not all(_is_certificate(pem) for pem in chain):
        wrong.append("证书不是 PEM 格式")
    elif any(chain) and not _is_pair(private_key, chain[0]):
        wrong.append("app_cert 不是应用私钥的证书")
    address = one.get("download_url", DOWNLOADS)
    if address and not _is_url(address, production=production):
        wrong.append("download_url 应为 https 地址")
    if wrong:
        return None, [f"{ALIPAY}：{what}" for what in wrong]
    return AlipayPaySettings(one["seller_id"], (chain[0], chain[1], chain[2]) if all(chain) else None, address), []


def public_url(given: str, *, production: bool) -> list[str]:
    """What is wrong with the address under which the gateways reach us."""
    if _is_url(given, production=production) and not given.endswith("/"):
        return []
    return ["开通了支付，就要用 ZHANGBAN_PUBLIC_URL 给出支付平台能访问的地址：https 开头，末尾没有斜杠，如 https://api.example.gov.cn"]


def _wrong_wechat(one: dict[str, Any]) -> list[str]:
    wrong = [f"不认识 {'、'.join(str(name)[:30] for name in extra)}"] if (extra := sorted(set(one) - _WECHAT_KNOWN)) else []
    checks = {
        "use 应为 v2 或 v3": one["use"] in ("v2", "v3"),
        "sign_type 应为 HMAC-SHA256 或 MD5": one["sign_type"] in ("HMAC-SHA256", "MD5"),
        "mchid 应为商户号（数字）": _matches(_MCHID, one.get("mchid")),
        "api_key 应为 32 个字母或数字：v2 要用": _matches(_KEY, one["api_key"]) or (one["use"] == "v3" and not one["api_key"]),
        "apiv3_key 应为 32 个字母或数字": _matches(_KEY, one.get("apiv3_key")),
        "merchant_serial 应为商户证书序列号（十六进制）": _matches(_SERIAL, one.get("merchant_serial")),
        "merchant_private_key 应为 RSA 私钥（PEM）": _is_private_key(one.get("merchant_private_key")),
        "merchant_cert 应为商户证书（PEM）：v2 退款要用": _is_certificate(one["merchant_cert"]) or (one["use"] == "v3" and not one["merchant_cert"]),
        "merchant_cert 不是这个私钥的证书": not one["merchant_cert"] or _is_pair(one.get("merchant_private_key"), one["merchant_cert"]),
        "platform_keys 应为对象：PUB_KEY_ID_… 对应公钥，证书序列号对应它的证书（PEM），至少一个": _are_keys(one.get("platform_keys")),
        "url、refund_url 应为 http 地址，url 末尾没有斜杠": _is_url(one["url"], production=False)
        and not one["url"].endswith("/")
        and (not one["refund_url"] or _is_url(one["refund_url"], production=False)),
        "refund_ca 应为证书（PEM）": not one["refund_ca"] or _is_certificate(one["refund_ca"]),
    }
    return wrong + [what for what, holds in checks.items() if not holds]


def _pretend_wechat(one: dict[str, Any]) -> list[str]:
    wrong = []
    if str(one.get("mchid", "")).startswith("99"):
        wrong.append("mchid 是沙箱商户：正式环境不能使用")
    if any(_is_url(one[name], production=False) and not _is_url(one[name], production=True) for name in ("url", "refund_url")):
        wrong.append("url 或 refund_url 指向沙箱或不安全的地址：正式环境只接受 https 的真实地址")
    return wrong


def _object(given: str) -> dict[str, Any] | None:
    try:
        found = json.loads(given)
    except ValueError:
        return None
    return found if isinstance(found, dict) else None


def _matches(pattern: re.Pattern[str], value: Any) -> bool:
    return isinstance(value, str) and pattern.fullmatch(value) is not None


def _is_url(value: Any, *, production: bool) -> bool:
    """An http address with a host and without a query; in production an encrypted one of somebody else's machine."""
    try:
        parts = urlsplit(value) if isinstance(value, str) else None
        callable_at_all = parts is not None and parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port or 1) > 0
    except ValueError:  # half an IPv6 address, or a port that is no number
        return False
    if parts is None or not callable_at_all or parts.query:
        return False
    host = parts.hostname or ""
    local = host in ("localhost", "::1", "0.0.0.0") or host.startswith("127.") or "sandbox" in host  # noqa: S104 - a list to refuse, not an address to bind
    return not production or (parts.scheme == "https" and not local)


def _is_private_key(pem: Any) -> bool:
    try:
        return isinstance(load_pem_private_key(pem.encode(), None), rsa.RSAPrivateKey)
    except (ValueError, TypeError, AttributeError):
        return False


def _is_certificate(pem: Any) -> bool:
    try:
        return bool(load_pem_x509_certificates(pem.encode()))
    except (ValueError, AttributeError):
        return False


def _is_pair(private: Any, certificate: Any) -> bool:
    """True also for what is no key or certificate at all: that is told by itself."""
    if not _is_private_key(private) or not _is_certificate(certificate):
        return True
    own, of = load_pem_private_key(private.encode(), None).public_key(), load_pem_x509_certificates(certificate.encode())[0].public_key()
    return isinstance(own, rsa.RSAPublicKey) and isinstance(of, rsa.RSAPublicKey) and own.public_numbers() == of.public_numbers()


def _is_serial(serial: str, certificate: str) -> bool:
    return _SERIAL.fullmatch(serial) is not None and load_pem_x509_certificates(certificate.encode())[0].serial_number == int(serial, 16)


def _are_keys(keys: Any) -> bool:
    if not isinstance(keys, dict) or not keys:
        return False
    for serial, pem in keys.items():
        try:
            known = (
                isinstance(load_pem_public_key(pem.encode()), rsa.RSAPublicKey)
                if serial.startswith("PUB_KEY_ID_")
                else (_is_certificate(pem) and _is_serial(serial, pem))
            )
        except (ValueError, AttributeError):
            return False
        if not known:
            return False
    return True

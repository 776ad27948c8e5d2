"""The accounts a mini-program's owner would be given by WeChat, Alipay, the SMS gateway, the couriers and the core platform; made at random once per data folder."""

import base64
import json
import secrets
import string
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from sandbox import alipay_certs, ems, kuaidi100, sf, wechat_pay_keys
from sandbox.templates import LONG_TERM, TEMPLATES

ALIPAY_KEY, ALIPAY_NEXT = "alipay-platform-key.pem", "alipay-platform-next.pem"  # the second with its certificate


def accounts(folder: Path, refund_url: str = "") -> dict[str, Any]:
    """What `accounts.json` holds. Ids begin so that a production start-up check can tell them: wxsandbox, 9021, sandbox-."""
    path = folder / "accounts.json"
    if not path.exists():
        _write(path, json.dumps(_make(folder), indent=1))
    made: dict[str, Any] = json.loads(path.read_text())
    if "messages" not in made["wechat"]:  # a folder of an earlier version
        made["wechat"]["messages"] = _message_accounts(made["wechat"])
        _write(path, json.dumps(made, indent=1))
    if "sf" not in made:
        made |= _courier_accounts()
        _write(path, json.dumps(made, indent=1))
    if _add_templates(made):
        _write(path, json.dumps(made, indent=1))
    if "pay" not in made["wechat"] or not (folder / wechat_pay_keys.OWN).exists():
        made["wechat"]["pay"], kept = wechat_pay_keys.make()
        _write(folder / wechat_pay_keys.OWN, json.dumps(kept, indent=1))
        _write(path, json.dumps(made, indent=1))
    if "alipay_root_cert" not in made["alipay"] or not (folder / ALIPAY_NEXT).exists():
        following, own = rsa.generate_private_key(65537, 2048), made["alipay"]
        certificates, own_next = alipay_certs.issued(own["app_public_key"], (own["alipay_public_key"], _public(following)))
        _write(folder / ALIPAY_NEXT, _private(following) + own_next)
        own |= {"seller_id": own.get("seller_id", f"2088{secrets.randbelow(10**12):012d}"), **certificates}
        _write(path, json.dumps(made, indent=1))
    if refund_url and made["wechat"]["pay"]["refund_url"] != refund_url:  # its port is another one at every start
        made["wechat"]["pay"]["refund_url"] = refund_url
        _write(path, json.dumps(made, indent=1))
    return made


def last_port(folder: Path) -> int:
    """Where a merchant refunded by v2 when this world last ran; 0: it never did."""
    path = folder / "accounts.json"
    pay = json.loads(path.read_text())["wechat"].get("pay", {}) if path.exists() else {}
    return urlsplit(pay.get("refund_url", "")).port or 0


def alipay_private_key(folder: Path, name: str = ALIPAY_KEY) -> rsa.RSAPrivateKey:
    """Alipay's own key, which no merchant ever sees."""
    key = serialization.load_pem_private_key((folder / name).read_bytes(), None)
    if not isinstance(key, rsa.RSAPrivateKey):
        raise TypeError("the platform key is RSA")
    return key


def _make(folder: Path) -> dict[str, Any]:
    merchant, platform = (rsa.generate_private_key(65537, 2048) for _ in range(2))
    _write(folder / ALIPAY_KEY, _private(platform))
    wechat = {
        "appid": f"wxsandbox{secrets.token_hex(5)}",
        "secret": secrets.token_hex(16),
    }
    return {
        "wechat": {**wechat, "messages": _message_accounts(wechat)},
        "alipay": {
            "app_id": "9021" + "".join(secrets.choice("0123456789") for _ in range(12)),
            "app_private_key": _private(merchant),
            "app_public_key": _public(merchant),
            "alipay_public_key": _public(platform),
        },
        "core": {
            "client_id": f"sandbox-{secrets.token_hex(4)}",
            "secret": secrets.token_hex(32),
            "webhook_secret": secrets.token_hex(32),
            "algorithm": "sha256",
        },
    }


def _add_templates(made: dict[str, Any]) -> bool:
    """Where a template is not registered yet, in a new folder or in one of an earlier version. Says whether there were any."""
    before = json.dumps(made)
    for party, length in (("wechat", 32), ("alipay", 24)):
        own = made[party]
        own["templates"] = {key: own.get("templates", {}).get(key) or secrets.token_urlsafe(length) for key in TEMPLATES}
        own["long_term"] = list(LONG_TERM)
    sms = made.setdefault("sms", {"access_key_id": f"LTAIsandbox{secrets.token_hex(6)}", "access_key_secret": secrets.token_hex(15)})
    known = sms.get("templates", {})
    sms["sign_name"] = "掌办沙箱"
    sms["templates"] = {
        key: {"code": known.get(key, {}).get("code", f"SMS_9{secrets.randbelow(10**8):08d}"), "text": template.sms}
        for key, template in TEMPLATES.items()
        if template.sms
    }
    return json.dumps(made) != before


def _courier_accounts() -> dict[str, Any]:
    """`path`: below this world's address, what a courier's url is."""
    return {
        "sf": {
            "path": sf.PATH,
            "partner_id": f"SANDBOX{secrets.token_hex(4).upper()}",
            "check_word": secrets.token_urlsafe(24),
            "monthly_card": f"755{secrets.randbelow(10**7):07d}",
            "push_secret": secrets.token_hex(16),
        },
        "ems": {
            "path": ems.PATH,
            "sender_no": f"9900{secrets.randbelow(10**9):09d}",
            "authorization": secrets.token_urlsafe(12),
            "sign_key": base64.b64encode(secrets.token_bytes(16)).decode(),
        },
        "kuaidi100": {
            "path": kuaidi100.PATH,
            "customer": secrets.token_hex(16).upper(),
            "key": f"sandbox{secrets.token_hex(4)}",
            "salt": secrets.token_hex(8),
        },
    }


def _message_accounts(own: dict[str, Any]) -> list[dict[str, Any]]:
    """Whose customer messages are pushed: the mini-program itself, and an official account beside it."""
    official = {"appid": f"wxsandbox{secrets.token_hex(5)}", "secret": secrets.token_hex(16)}
    return [
        {"name": "miniprogram", "kind": "miniprogram", "appid": own["appid"], "secret": own["secret"], **_push_keys("safe")},
        {"name": "official", "kind": "official", **official, **_push_keys("compatible")},
    ]


def _push_keys(mode: str) -> dict[str, Any]:
    letters = string.ascii_letters + string.digits
    key = base64.b64encode(secrets.token_bytes(32)).decode().rstrip("=")
    while not key.isalnum():
        key = base64.b64encode(secrets.token_bytes(32)).decode().rstrip("=")
    token = "".join(secrets.choice(letters) for _ in range(32))
    return {"token": token, "aes_keys": [key], "mode": mode}


def _private(key: rsa.RSAPrivateKey) -> str:
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()).decode()


def _public(key: rsa.RSAPrivateKey) -> str:
    return key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo).decode()


def _write(path: Path, text: str) -> None:
    """Whole or not at all, readable by its owner only."""
    fresh = path.with_suffix(".new")
    fresh.touch(mode=0o600)
    fresh.write_text(text)
    fresh.replace(path)

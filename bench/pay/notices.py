"""WeChat Pay v3 notices as WeChat itself makes them: the sandbox's own wording and keys, read from a stack's data folder when it runs.

Ready to be sent as bytes, so that no client work falls into a measurement. A signature is good for five minutes.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from payments.gateways import Payment
from sandbox.faults import Faults
from sandbox.wechat_pay_keys import Keys, load
from sandbox.wechat_pay_v3_gate import Gate
from sandbox.wechat_pay_v3_words import V3Wording

PATH = "/callbacks/wechat-pay/v3"


@dataclass(frozen=True, slots=True)
class Teller:
    """Signs and encrypts with the keys of one world."""

    keys: Keys
    wording: V3Wording

    @classmethod
    def of(cls, sandbox: Path) -> "Teller":
        """`sandbox`: the world's own folder, with accounts.json and the platform's private keys."""
        keys = load(sandbox, json.loads((sandbox / "accounts.json").read_text())["wechat"])
        return cls(keys, V3Wording(keys, Gate(keys, Faults())))

    def told(self, payment: Payment) -> tuple[bytes, Mapping[str, str]]:
        """Body and headers, signed now. Each call is another signature over another box, as each delivery is."""
        order: dict[str, Any] = {
            "order_no": payment.order_no,
            "state": "SUCCESS",
            "attach": "",
            "transaction_id": payment.transaction_id,
            "openid": payment.payers[0],
            "amount_fen": payment.amount_fen,
            "paid": payment.paid_at.timestamp(),
        }
        body = self.wording.body(f"EV-{payment.order_no}", datetime.now(UTC).timestamp(), order, None).encode()
        return body, self.wording.headers(body)

    def request(self, base: str, payment: Payment) -> bytes:
        """The whole HTTP request to the API at `base`."""
        body, headers = self.told(payment)
        return posted(base, PATH, body, headers)


def posted(base: str, path: str, body: bytes, headers: Mapping[str, str]) -> bytes:
    lines = [f"POST {path} HTTP/1.1", f"Host: {urlsplit(base).netloc}", "User-Agent: Mozilla/4.0", "Accept: */*", f"Content-Length: {len(body)}"]
    return "\r\n".join([*lines, *(f"{name}: {value}" for name, value in headers.items()), "", ""]).encode() + body

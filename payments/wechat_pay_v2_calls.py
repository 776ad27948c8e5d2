"""Calls of WeChat Pay v2: signed, verified, judged. A reply counts only with WeChat's signature and for this merchant and app."""

from collections.abc import Mapping
from pathlib import Path

from kit.errors import NotReached, Outside, Refused, Unknown
from kit.http import Http
from kit.ids import new_nonce
from payments.gateways import Forged
from payments.wechat_pay_account import WeChatPayAccount
from payments.wechat_pay_v2_signing import Seals, document_fields
from payments.wechat_pay_words import PARTY, word

# WeChat's err_code -> (what it proves, our word). What is not here is a refusal "code_…".
CODES: dict[str, tuple[type[Outside], str]] = {
    "APPID_MCHID_NOT_MATCH": (Refused, "app_not_of_merchant"),
    "BIZERR_NEED_RETRY": (Unknown, "system_error"),  # a refund under way: the same one is to be asked again
    "FREQUENCY_LIMITED": (NotReached, "too_many_calls"),
    "NOAUTH": (Refused, "not_permitted"),
    "NOTENOUGH": (Refused, "not_enough_funds"),  # the merchant's balance does not cover a refund; the same one may be asked again
    "ORDERCLOSED": (Refused, "order_closed"),
    "ORDERNOTEXIST": (Refused, "not_found"),
    "ORDERPAID": (Refused, "order_paid"),
    "OUT_TRADE_NO_USED": (Refused, "order_no_used"),
    "PARAM_ERROR": (Refused, "bad_parameter"),
    "RATELIMIT_EXCEED": (NotReached, "too_many_calls"),
    "REFUNDNOTEXIST": (Refused, "not_found"),
    "REFUND_FEE_INVALID": (Refused, "more_than_paid"),
    "REFUND_FEE_MISMATCH": (Refused, "refund_no_used"),
    "SIGNERROR": (NotReached, "sign_error"),  # our key is wrong: that says nothing about the order
    "SYSTEMERROR": (Unknown, "system_error"),
    "TRADE_OVERDUE": (Refused, "too_old"),
    "USER_ACCOUNT_ABNORMAL": (Refused, "payer_account_abnormal"),
}
# return_msg of a statement's refusal; the error_code beside it differs between pages
STATEMENTS: dict[str, tuple[type[Outside], str]] = {
    "No Bill Exist": (Refused, "no_statement"),
    "Bill Creating": (NotReached, "statement_in_the_making"),
    "SYSTEMERROR": (Unknown, "system_error"),
}


class Calls:
    """To one address, for one merchant."""

    def __init__(self, http: Http, account: WeChatPayAccount) -> None:
        self._http, self._url = http, account.url
        self._own = {"appid": account.appid, "mch_id": account.mchid}
        self.seals = Seals(account)

    async def call(self, where: str, values: Mapping[str, str]) -> dict[str, str]:
        """The values of a yes. `where`: a path, or a whole address. Raises Refused with our word, NotReached, Unknown."""
        url = self._url + where if where.startswith("/") else where
        reply = await self._http.send(PARTY, "POST", url, headers=_HEADERS, body=self._document(values), seconds=10.0)
        if reply.status != 200:
            raise Unknown(PARTY, f"http_{reply.status}")
        try:
            found = document_fields(reply.body)
        except Forged as exc:
            raise Unknown(PARTY, "garbled_reply") from exc
        if found.get("return_code") != "SUCCESS":  # never signed, so it proves nothing
            raise Unknown(PARTY, "sign_error" if "签名" in found.get("return_msg", "") else "return_code_fail")
        try:
            self.seals.checked(found)
        except Forged as exc:
            raise Unknown(PARTY, "unsigned_reply" if exc.reason == "unsigned" else exc.reason) from exc
        if any(found.get(name) != value for name, value in self._own.items()):
            raise Unknown(PARTY, "reply_to_another_call")
        if found.get("result_code") == "SUCCESS":
            return found
        kind, ours = CODES.get(code := found.get("err_code", ""), (Refused, word(code, found.get("err_code_des"))))
        raise kind(PARTY, ours)

    async def download(self, path: str, values: Mapping[str, str], to: Path) -> None:
        """Text on success, XML otherwise; neither is signed. Raises Refused("no_statement") and as `call`; `to` is then not there."""
        reply = await self._http.download(PARTY, self._url + path, to, headers=_HEADERS, body=self._document(values))
        if reply.status != 200:
            raise Unknown(PARTY, f"http_{reply.status}")
        if (head := _xml_at(to)) is None:
            return
        try:
            said = document_fields(head).get("return_msg", "")
        except Forged as exc:
            raise Unknown(PARTY, "garbled_reply") from exc
        kind, ours = STATEMENTS.get(said, (Unknown, "return_code_fail"))
        raise kind(PARTY, ours)

    def _document(self, values: Mapping[str, str]) -> bytes:
        return self.seals.document({**self._own, "nonce_str": new_nonce(), **values})


_HEADERS = {"Content-Type": "text/xml; charset=utf-8", "User-Agent": "zhangban"}


def _xml_at(path: Path) -> bytes | None:
    """What a file begins with, if that is XML: no statement, and away with it."""
    with path.open("rb") as file:
        head = file.read(64 * 1024)
    if head.removeprefix(b"\xef\xbb\xbf").lstrip()[:1] != b"<":
        return None
    path.unlink()
    return head

"""WeChat's rules for template values (developers.weixin.qq.com, subscribe message parameters), and its error texts."""

import re
import secrets
from typing import Any

from sandbox.templates import TEMPLATES

# The templates of the sandbox's account: fields by our template key.
FIELDS = {key: tuple(template.fields) for key, template in TEMPLATES.items()}
_HAN = r"一-鿿㐀-䶿"
_CLOCK = r"(?:[01]?[0-9]|2[0-3]):[0-5][0-9](?::[0-5][0-9])?"
_TIME = rf"(?:[0-9]{{4}}年[0-9]{{1,2}}月[0-9]{{1,2}}日\s?)?{_CLOCK}"
_DATE = rf"(?:[0-9]{{4}}年[0-9]{{1,2}}月[0-9]{{1,2}}日|[0-9]{{4}}-[0-9]{{1,2}}-[0-9]{{1,2}})(?:\s{_CLOCK})?"
_RULES = {
    "thing": re.compile(r"[^\x00-\x1f\x7f]{1,20}"),
    "number": re.compile(r"[+-]?(?=(?:[0-9]\.?){1,32}\Z)[0-9]+(?:\.[0-9]+)?"),
    "letter": re.compile(r"[A-Za-z]{1,32}"),
    "symbol": re.compile(r"[^\w\s]{1,5}"),
    "character_string": re.compile(r"[!-~]{1,32}"),
    "time": re.compile(rf"{_TIME}(?:\s?~\s?{_TIME})?"),
    "date": re.compile(rf"{_DATE}(?:\s?~\s?{_DATE})?"),
    "amount": re.compile(r"[^\d\s]?[0-9]{1,10}(?:\.[0-9]+)?元?"),
    "phone_number": re.compile(r"[0-9+()-]{1,17}"),
    "car_number": re.compile(r"\S{1,8}"),
    "name": re.compile(rf"(?=.*[{_HAN}])[^\x00-\x1f]{{1,10}}|[A-Za-z·.\s-]{{1,20}}"),
    "phrase": re.compile(rf"[{_HAN}]{{1,5}}"),
}


def wrong_value(fields: tuple[str, ...], data: dict[str, Any]) -> str | None:
    """The first complaint in WeChat's own words (typo included), or None."""
    for field in fields:
        given = data.get(field)
        value = given.get("value") if isinstance(given, dict) else None
        if value is None or value == "":
            return f"argument invalid! data.{field}.value is emtpy"
        rule = _RULES[kind_of(field)]
        if not isinstance(value, str | int | float) or rule.fullmatch(str(value)) is None:
            return f"argument invalid! data.{field}.value invalid"
    return None


def kind_of(field: str) -> str:
    """`character_string5` -> `character_string`"""
    return re.sub(r"\d+$", "", field)


def error(errcode: int, errmsg: str) -> dict[str, Any]:
    """Every error ends with a request id; the text before it is cut at 48 characters."""
    rid = "-".join(secrets.token_hex(4) for _ in range(3))
    return {"errcode": errcode, "errmsg": f"{errmsg[:48]} rid: {rid}"}

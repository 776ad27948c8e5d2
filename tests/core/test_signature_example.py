"""The worked example of docs/integrators.md is what the code computes."""

import hashlib
import hmac
from pathlib import Path
from typing import Any

import pytest

from core.bills import Settlement
from core.money import SettlementAsk
from core.signature import check_event, sign_call, sign_event
from core.types import CoreEvent

SECRET = b"example-secret-not-for-use"
TIMESTAMP = "1764000000"
NONCE = "4f1d2c3b4a5968770123abcd"
TARGET = "/core/v1/cases?request_id=q_example"
ASKED = '{"name":"张三","id_number":"990100199001010012","channel":"wechat"}'.encode()
EVENT = (
    b'{"event_id":"ev-000001","seq":1,"type":"case.moved","case_no":"C20261123000001","request_id":"q_example",'
    b'"move":{"version":2,"state":"accepted","at":"2026-11-23T09:00:00+08:00"}}'
)
EXAMPLE = {
    "sha256": (
        "sha256=eab3e2a30d3d56e24895678521c0b7ba354a13cdb259074c5ea7aadf7b40c09e",
        "sha256=4d0983d247908686c51a039b8f3fbfdea059163c0d554805b1825fc7db94c35b",
        "sha256=0b3a9765dee7d3c3cc3481ddbd63adb11da6c4d5bcc4bc3ffd687b41db76ffa6",
    ),
    "sm3": (
        "sm3=f8a4f281a23894057fac3fa1c4d6121e27f74b13e59ce84621cea897bdc2a5ac",
        "sm3=46cf3f27abcb45907ab6a12de5c9f7d42dc6e5868b658e7138c3af2517e1c28f",
        "sm3=55909750cda17c6803c0d1f5196967c25d4b8bfad5564cad14adf2a3db5835c5",
    ),
}

SETTLED = (
    b'{"settlement_id":"S-20261123093012a1b2c3d4","bill_id":"B20261123000001","bill_version":1,"order_no":"20261123093012a1b2c3d4",'
    b'"channel":"wechat","transaction_id":"4200009901202611230000000001","amount_fen":12000,"paid_at":"2026-11-23T01:31:07Z"}'
)
SETTLED_SIGNED = {
    "sha256": "sha256=18b8cff780b7208bf981723881baf062a67688c71ffa66fdd3313004466c3765",
    "sm3": "sm3=c601ce701cd303aca7cc83e9a5915c463a7a6430b01dbd196a15657962f063f4",
}
PAGE = Path(__file__).parents[2] / "docs" / "integrators.md"


@pytest.mark.parametrize("algorithm", ["sha256", "sm3"])
def test_the_example_holds_in_both_algorithms(algorithm: Any) -> None:
    read = sign_call(SECRET, algorithm, TIMESTAMP, NONCE, "GET", TARGET, b"")
    asked = sign_call(
        SECRET,
        algorithm,
        TIMESTAMP,
        NONCE,
        "POST",
        "/core/v1/identity/challenges",
        ASKED,
    )
    assert (
        read,
        asked,
        sign_event(SECRET, algorithm, TIMESTAMP, NONCE, EVENT),
    ) == EXAMPLE[algorithm]


@pytest.mark.parametrize("algorithm", ["sha256", "sm3"])
def test_the_example_event_passes_the_true_check_and_is_a_true_event(
    algorithm: str,
) -> None:
    check_event(SECRET, TIMESTAMP, NONCE, EXAMPLE[algorithm][2], EVENT, int(TIMESTAMP) + 300)
    assert CoreEvent.model_validate_json(EVENT).move.version == 2


def test_the_recipe_as_written_gives_the_same_bytes() -> None:
    """Built by hand from the page's own words, without our signing code."""
    call = f"{TIMESTAMP}\n{NONCE}\nGET\n{TARGET}\n".encode()
    told = f"{TIMESTAMP}\n{NONCE}\n".encode() + EVENT
    assert EXAMPLE["sha256"][0] == "sha256=" + hmac.new(SECRET, call, hashlib.sha256).hexdigest()
    assert EXAMPLE["sha256"][2] == "sha256=" + hmac.new(SECRET, told, hashlib.sha256).hexdigest()


def test_the_page_for_integrators_shows_this_example() -> None:
    page = PAGE.read_text()
    shown = [
        SECRET.decode(),
        TIMESTAMP,
        NONCE,
        TARGET,
        ASKED.decode(),
        EVENT.decode(),
        *EXAMPLE["sha256"],
        *EXAMPLE["sm3"],
    ]
    assert [text for text in shown if text not in page] == []
    assert f"{len(ASKED)} 字节" in page and f"{len(EVENT)} 字节" in page


@pytest.mark.parametrize("algorithm", ["sha256", "sm3"])
def test_the_example_of_a_settlement_is_what_we_send_and_can_read(algorithm: Any) -> None:
    page = PAGE.read_text()
    assert SettlementAsk.model_validate_json(SETTLED).model_dump_json().encode() == SETTLED
    assert sign_call(SECRET, algorithm, TIMESTAMP, NONCE, "POST", "/core/v1/settlements", SETTLED) == SETTLED_SIGNED[algorithm]
    assert SETTLED.decode() in page and SETTLED_SIGNED[algorithm] in page and f"{len(SETTLED)} 字节" in page
    (answer,) = [line for line in page.splitlines() if line.startswith('{"settlement_id"') and "settled_at" in line]
    assert Settlement.model_validate_json(answer).settlement_id == SettlementAsk.model_validate_json(SETTLED).settlement_id

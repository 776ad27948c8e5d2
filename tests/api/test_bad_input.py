"""Bad input gets one clear answer: everything wrong at once, in Chinese, with the request id, and never a 500."""

import uuid

import pytest

from tests.api.house import House, Json, make_resident

NASTY = [
    "",
    " ",
    "\x00",
    "a" * 10_000,
    "😀" * 500,
    ".*(a+)+$",
    "{$ne: null}",
    "＇ OR 1=1 --",
    "\u202e",
    "AND OR NOT +name:x^9",
    '"',
    "\\",
    "[x TO y]",
]


def is_problem(answer: object) -> None:
    body = answer.json  # type: ignore[attr-defined]
    assert set(body) == {"type", "status", "code", "title", "request_id", "errors", "retryable"}
    assert any("一" <= char <= "鿿" for char in body["title"])
    assert body["request_id"] == answer.headers["x-request-id"]  # type: ignore[attr-defined]
    assert answer.headers["content-type"].startswith("application/problem+json")  # type: ignore[attr-defined]


async def test_every_field_error_comes_at_once(house: House) -> None:
    resident = await make_resident(house, bound=False)
    answer = await resident.api("POST", "/v1/me/real-name", {"name": 5, "extra": 1})
    is_problem(answer)
    assert answer.status == 422
    assert {one["field"] for one in answer.json["errors"]} == {"name", "id_number", "extra"}


@pytest.mark.parametrize("number", ["110105194912310021", "123", "110105194902300021", "110105209912310027", "110105491231002", "x" * 18])
async def test_a_wrong_id_number_is_explained_and_never_reaches_the_core(house: House, number: str) -> None:
    resident = await make_resident(house, bound=False)
    answer = await resident.api("POST", "/v1/me/real-name", {"name": "王", "id_number": number})
    assert answer.status == 422 and {one["field"] for one in answer.json["errors"]} == {"name", "id_number"}


async def test_full_width_digits_and_a_small_x_are_put_right(house: House) -> None:
    person = await house.world("POST", "/world/people", {"name": "欧阳·明", "id_number": "11010519491231002X"})
    resident = await make_resident(house, bound=False)
    typed = {"name": " 欧阳•明 ", "id_number": "１１０１０５１９４９１２３１００２ｘ"}
    started = await resident.api("POST", "/v1/me/real-name", typed)
    assert started.status == 202
    await house.world("POST", f"/world/people/{person['person']}/approve-real-name", {})
    assert (await resident.api("POST", f"/v1/me/real-name/{started.json['challenge']}", {})).json["state"] == "bound"


@pytest.mark.parametrize(
    "raw", [b"{", b"[]", b'"x"', b"\xff\xfe", b'{"code": NaN}', b'{"code": 1e400}', b"[" * 100_000, b'{"code": "\\ud800"}', b"null"]
)
async def test_broken_json_is_a_422(house: House, raw: bytes) -> None:
    answer = await house.api("POST", "/v1/login/wechat", raw=raw)
    assert answer.status == 422
    is_problem(answer)


async def test_too_large_a_body_is_refused_and_unknown_paths_and_methods_are_told(house: House) -> None:
    too_large = await house.api("POST", "/v1/login/wechat", raw=b"x" * (1024 * 1024 + 1))
    unknown = await house.api("GET", "/v1/nothing")
    wrong_method = await house.api("DELETE", "/v1/items")
    for answer, status in ((too_large, 413), (unknown, 404), (wrong_method, 405)):
        assert answer.status == status
        is_problem(answer)
    assert "GET" in wrong_method.headers["allow"]


@pytest.mark.parametrize("text", NASTY)
async def test_any_query_gets_an_answer_or_a_422(house: House, text: str) -> None:
    url = f"{house.stack.api}/v1/items"
    async with house.http.get(url, params={"q": text}) as reply:
        assert reply.status in (200, 422)
        assert "items" in await reply.json(content_type=None) or reply.status == 422


@pytest.mark.parametrize("query", ["limit=0", "limit=51", "limit=x", "cursor=%00", "nonsense=1", "theme=%01"])
async def test_a_wrong_list_parameter_is_a_422(house: House, query: str) -> None:
    answer = await house.api("GET", f"/v1/items?{query}")
    assert answer.status == 422
    is_problem(answer)


async def test_a_cursor_of_any_size_is_an_empty_page_and_not_a_crash(house: House) -> None:
    for path in ("/v1/items?cursor=" + "9" * 60, "/v1/items?q=x&cursor=" + "9" * 60):
        answer = await house.api("GET", path)
        assert (answer.status, answer.json["next_cursor"]) == (200, None)


@pytest.mark.parametrize("value", [{"$ne": None}, ["x"], 5, True, None])
async def test_operators_in_string_fields_are_refused(house: House, value: object) -> None:
    assert (await house.api("POST", "/v1/login/wechat", {"code": value})).status == 422
    resident = await make_resident(house, bound=False)
    assert (await resident.api("POST", "/v1/drafts", {"item_code": value})).status == 422


async def test_strange_answers_are_kept_as_typed_and_never_break_anything(house: House) -> None:
    resident = await make_resident(house)
    draft = await resident.draft()
    typed = {"$where": "1", "a.b": {"$ne": None}, "名字": "𬭚䶮😀", "deep": [[[[{"x": "\u0001"}]]]]}
    kept = await resident.api("PATCH", f"/v1/drafts/{draft['id']}", {"answers": typed})
    assert kept.status == 200 and {key: kept.json["answers"][key] for key in typed} == typed
    changes: list[Json] = [{"role": "admin"}, {"answers": []}, {"answers": {"": 1}}, {"materials": [{"hand_in": "bird"}]}]
    for wrong in changes:
        assert (await resident.api("PATCH", f"/v1/drafts/{draft['id']}", wrong)).status == 422


async def test_an_unfinished_form_is_told_in_full(house: House) -> None:
    resident = await make_resident(house)
    code = await with_a_form(house)
    draft = (await resident.api("POST", "/v1/drafts", {"item_code": code})).json
    await resident.api("PATCH", f"/v1/drafts/{draft['id']}", {"answers": dict.fromkeys(draft["answers"])})
    answer = await resident.submit(draft["id"])
    wanted = {f"answers.{name}" for name in draft["form"]["required"]}
    assert answer.status == 422 and wanted <= {one["field"] for one in answer.json["errors"]}
    assert all(one["message"].startswith("请填写“") for one in answer.json["errors"] if one["field"] in wanted)


async def test_a_request_id_of_the_client_is_kept_and_a_bad_one_replaced(house: House) -> None:
    mine = uuid.uuid4().hex
    assert (await house.api("GET", "/healthz", headers={"X-Request-Id": mine})).headers["x-request-id"] == mine
    assert (await house.api("GET", "/healthz", headers={"X-Request-Id": "<script>"})).headers["x-request-id"].startswith("req_")


async def test_unknown_templates_and_forged_core_events_change_nothing(house: House) -> None:
    resident = await make_resident(house, bound=False)
    assert (await resident.api("POST", "/v1/messages/consents", [{"template_key": "x", "result": "accept"}])).status == 422
    event = {"event_id": "E", "seq": 1, "type": "case.moved", "case_no": "C", "request_id": "q"}
    for headers in ({}, {"X-Core-Timestamp": "1", "X-Core-Nonce": "n" * 16, "X-Core-Signature": "sha256=00"}):
        answer = await house.api("POST", "/callbacks/core", event, headers=headers)
        assert answer.status == 401
        is_problem(answer)


async def with_a_form(house: House) -> str:
    for found in (await house.api("GET", "/v1/items?limit=50")).json["items"]:
        item = (await house.api("GET", f"/v1/items/{found['code']}")).json
        if item["online"] and item["form"] and len(item["form"].get("required", [])) >= 2:
            return str(found["code"])
    raise AssertionError("no item with a form")

"""Open data: the whole catalogue for anyone to take away, and what its fields mean."""

from datetime import UTC
from email.utils import format_datetime

from sanic.exceptions import InvalidHeader

from content.open_data import MEDIA, Format, etag, lines
from content.open_data_fields import FIELDS
from content.open_data_store import Edition
from core.types import Item
from kit.errors import FieldError, Invalid
from miniapp_api.gate import Call, Raw, Routes
from miniapp_api.shapes_public import OpenFields, OpenItemsQuery
from miniapp_api.streaming import Stream

routes = Routes()
_MEDIA = {MEDIA["jsonl"]: Item, MEDIA["csv"]: str}
_ABOUT = '</open/v1/items/fields>; rel="license", </open/v1/items/fields>; rel="describedby"'  # the licence is a text of this city


@routes.add("GET", "/open/v1/items", who="anyone", summary="全部事项，JSON Lines 或 CSV", query=OpenItemsQuery, media=_MEDIA)
async def items(call: Call) -> Raw | Stream:
    query: OpenItemsQuery = call.query
    form = query.format or _accepted(call)
    snapshot = await call.deps.open_data.snapshot()
    try:
        headers = _headers(snapshot.edition, form, query.region)
        known = _is_known(headers["ETag"], call.request.headers.getall("if-none-match", []))
    except BaseException:
        await snapshot.close()
        raise
    kind = f"{MEDIA[form]}; charset=utf-8"
    if not known and call.request.method != "HEAD":
        return Stream(lines(snapshot, form, query.region), kind, headers)
    await snapshot.close()
    return Raw(b"", kind, 304, headers) if known else Stream(None, kind, headers)


@routes.add("GET", "/open/v1/items/fields", who="anyone", summary="开放数据的字段、许可、日期和条数", reply=OpenFields)
async def fields(call: Call) -> OpenFields:
    told = {
        "licence": call.deps.settings.open_data_licence,
        "as_of": call.deps.catalogue.as_of,
        "count": await call.deps.open_data.count(call.deps.catalogue.state.revision),
        "fields": FIELDS,
    }
    return OpenFields.model_validate(told, from_attributes=True)


def _headers(edition: Edition, form: Format, region: str | None) -> dict[str, str]:
    headers = {"ETag": etag(edition, form, region), "Vary": "Accept", "Cache-Control": "no-cache", "Link": _ABOUT}
    if edition.changed_at is not None:
        headers["Last-Modified"] = format_datetime(edition.changed_at.astimezone(UTC), usegmt=True)
    if form == "csv":
        headers["Content-Disposition"] = 'attachment; filename="items.csv"'
    return headers


def _accepted(call: Call) -> Format:
    """CSV for a caller that prefers it; whoever takes anything, or asks for something else, gets JSON lines."""
    try:
        preferred = call.request.accept.match(MEDIA["jsonl"], MEDIA["csv"])
    except (InvalidHeader, ValueError) as exc:
        raise Invalid("input_invalid", "填写的内容有误，请按提示修改", errors=(FieldError("Accept", "格式不对"),)) from exc
    return "csv" if preferred.mime == MEDIA["csv"] else "jsonl"


def _is_known(tag: str, given: list[str]) -> bool:
    """RFC 9110, 13.1.2: any of the listed tags, compared weakly, or *."""
    listed = {one.strip().removeprefix("W/") for line in given for one in line.split(",")}
    return tag in listed or "*" in listed

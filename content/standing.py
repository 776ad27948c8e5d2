"""How an item stands today: in effect (perhaps closed for online handling), ended or withdrawn. Old links go on resolving; only a code nobody ever published is unknown."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from content.closures import Closure
from content.store import Content
from kit.clock import at_edge, in_words, now
from kit.errors import Conflict, NotFound

UNKNOWN_ITEM = "没有找到这个事项，它可能已更名或下架，请重新搜索"
State = Literal["in_effect", "ended", "withdrawn"]


@dataclass(frozen=True, slots=True)
class Standing:
    """`item` is the content in force or, once ended, the last one known. `closure`: in effect, and closed for online handling just now."""

    item: dict[str, Any]
    state: State
    closed: str | None = None  # one sentence for the resident, when it is not in effect
    replaced_by: tuple[str, ...] = ()
    starts_at: datetime | None = None
    ends_at: datetime | None = None
    closure: Closure | None = None

    @property
    def notice(self) -> str | None:
        """What stands above the content when it is not in effect, or not to be had online."""
        if self.closed is None:
            return self.closure.notice if self.closure is not None else None
        return f"{self.closed}以下内容仅供参考" + ("，请改办替代的事项。" if self.replaced_by else "。")

    @property
    def told(self) -> dict[str, Any]:
        """What every answer about an item says of it."""
        return {
            "state": self.state,
            "notice": self.notice,
            "replaced_by": list(self.replaced_by),
            "effective_from": edge(self.starts_at),
            "effective_to": edge(self.ends_at),
            "can_apply": self.state == "in_effect" and self.item["online"] is not False and self.closure is None,
            "closed": self.closure.told if self.closure is not None else None,
        }


def unknown_item() -> NotFound:
    return NotFound("item_unknown", UNKNOWN_ITEM)


async def standing(store: Content, code: str) -> Standing:
    """Raises NotFound for a code that never was in effect."""
    row = await store.row(code)
    if row is None:
        raise unknown_item()
    starts_at, ends_at, other = row.get("starts_at"), row.get("ends_at"), tuple(row.get("replaced_by") or ())
    if row["item"] is not None:
        if ends_at is None or ends_at > now():
            return Standing(row["item"], "in_effect", None, other, starts_at, ends_at, await store.closures.of(code))
        return Standing(row["item"], "ended", _closed("停止办理", ends_at), other, starts_at, ends_at)
    last = await store.last_content(code, row["seq"])
    if last is None:
        raise unknown_item()
    closed_at = starts_at or row["synced_at"]
    return Standing(last["item"], "withdrawn", _closed("取消", closed_at), other, last.get("starts_at"), closed_at)


async def version_of(store: Content, code: str, version: int) -> Standing:
    """One version as it was. Raises NotFound for an unknown item or version, or one whose time has not come."""
    current = await standing(store, code)
    if current.item["version"] == version:
        return current
    row = await known_version(store, code, version)
    told = f"这是第 {version} 版，已经不再使用。" + (current.closed or f"现行的是第 {current.item['version']} 版。")
    return Standing(row["item"], "ended", told, current.replaced_by, row.get("starts_at"), row.get("ends_at"))


async def known_version(store: Content, code: str, version: int) -> dict[str, Any]:
    row = await store.item_version(code, version)
    if row is None:
        raise NotFound("item_version_unknown", "这个事项没有这一版，请从版本列表中选择")
    return row


async def to_apply(store: Content, code: str) -> dict[str, Any]:
    """The item, if one may apply for it online now. Raises NotFound, Conflict when it has ended, was withdrawn or is closed for online handling."""
    found = await _in_effect(store, code)
    if found.closure is not None:
        raise found.closure.refusal(found.item["name"])
    return found.item


async def to_handle(store: Content, code: str) -> dict[str, Any]:
    """The item, if it is handled at all, be it at a window. Raises NotFound, Conflict when it has ended or was withdrawn."""
    return (await _in_effect(store, code)).item


async def _in_effect(store: Content, code: str) -> Standing:
    found = await standing(store, code)
    if found.state != "in_effect":
        raise Conflict("item_closed", f"{found.closed}请重新搜索现行的事项")
    return found


def edge(moment: datetime | None) -> str | None:
    return at_edge(moment) if moment is not None else None


def _closed(how: str, at: datetime) -> str:
    return f"这个事项已于{in_words(at).partition(' ')[0]}{how}，不能再申请。"

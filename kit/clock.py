"""Time: aware UTC inside, Beijing time at the edge."""

from datetime import UTC, datetime, timedelta, timezone

BEIJING = timezone(timedelta(hours=8), "Asia/Shanghai")


def now() -> datetime:
    """The current time, aware UTC, cut to milliseconds as Mongo stores it (so that what was read equals what was written)."""
    moment = datetime.now(UTC)
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)


def at_edge(moment: datetime) -> str:
    """RFC 3339 with +08:00, whole seconds, as residents and clients see it."""
    return moment.astimezone(BEIJING).isoformat(timespec="seconds")


def at_edge_or_none(moment: datetime | None) -> str | None:
    """Of what may not have happened."""
    return None if moment is None else at_edge(moment)


def in_words(moment: datetime) -> str:
    """`2026年11月23日 15:01`, the form WeChat's `time` values take."""
    local = moment.astimezone(BEIJING)
    return f"{local.year}年{local.month}月{local.day}日 {local:%H:%M}"

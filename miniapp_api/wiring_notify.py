"""What telling people needs of the rest of the house: whom a message reaches, and what SMS may cost. Part of wiring: nobody else makes these."""

from collections.abc import Mapping, Sequence

from kit.alipay import Alipay
from kit.clock import BEIJING, now
from kit.crypto import Keyring
from kit.gather import Gathered
from kit.http import Http
from kit.mongo import Mongo
from kit.outbox import Outbox
from kit.redis import Redis
from kit.wechat import WeChat
from miniapp_api import settings_notify
from miniapp_api.settings import Settings, secret
from miniapp_api.settings_notify import SmsSettings
from notify.alipay import AlipayPush
from notify.channel import Channel
from notify.consent_store import Consents
from notify.pushing import Account, Pushing, Reached
from notify.sms import SmsPush
from notify.store import Messages
from notify.wechat import WeChatPush
from residents.reach_store import Reachable, ReachStore

USUAL = ("wechat", "alipay", "sms")


class Reach:
    """`notify` asks whom it reaches; `residents` knows. Many asked at once are one set of reads."""

    def __init__(self, mongo: Mongo, keys: Keyring) -> None:
        self._store = ReachStore(mongo, keys)
        self._ask = Gathered(self._of_many)

    async def of(self, person_id: str) -> Reached:
        return await self._ask(person_id)

    async def _of_many(self, addresses: Sequence[str]) -> Sequence[Reached]:
        found = await self._store.of(addresses)
        return [_reached(found.get(address, Reachable())) for address in addresses]


def _reached(known: Reachable) -> Reached:
    accounts = [Account(channel, resident_id, account) for channel, resident_id, account in known.accounts]
    if known.phone is not None:
        accounts.append(Account("sms", *known.phone))
    wanted = known.preferences or {}
    return Reached(accounts, wanted.get("channels", USUAL), wanted.get("quiet_hours"), frozenset(wanted.get("kinds_off", ())))


class DailySms:
    """So many a day for one phone and for all of them together, by Beijing's day. Redis away: nothing is sent by SMS that costs money."""

    def __init__(self, redis: Redis, keys: Keyring, per_phone: int, total: int) -> None:
        self._redis, self._keys = redis, keys
        self._per_phone, self._total = per_phone, total

    async def admits(self, channel: str, account: str) -> bool:
        if channel != "sms":
            return True
        day = f"{now().astimezone(BEIJING):%Y%m%d}"
        mine = await self._redis.count(f"sms:{day}:{self._keys.index('sms', account)}", _DAY)
        if mine is None or mine > self._per_phone:
            return False
        everybody = await self._redis.count(f"sms:{day}:all", _DAY)
        return everybody is not None and everybody <= self._total


def sms(settings: Settings) -> SmsSettings | None:
    """None: this city sends no SMS. Settings must have passed `settings.check`."""
    return settings_notify.sms(secret(settings.sms), production=settings.profile == "production")[0]


def pushing(settings: Settings, stores: tuple[Mongo, Messages, Outbox], keys: Keyring, outside: tuple[Http, Redis, WeChat, Alipay]) -> Pushing:
    """No traffic yet. A channel that is not configured is not there."""
    (mongo, messages, outbox), (http, redis, wechat, alipay) = stores, outside
    channels: dict[str, Channel] = {}
    if templates := settings_notify.wechat_templates(settings.wechat_templates)[0]:
        channels["wechat"] = WeChatPush(wechat, templates, settings.wechat_state)
    if named := settings_notify.alipay_templates(settings.alipay_templates)[0]:
        channels["alipay"] = AlipayPush(alipay, named)
    short = sms(settings)
    if short is not None:
        channels["sms"] = SmsPush(http, short.account, short.templates)
    daily = DailySms(redis, keys, short.daily, short.daily_total) if short is not None else None
    return Pushing(mongo, messages, Consents(mongo), outbox, Reach(mongo, keys), _in_order(channels), daily)


def _in_order(channels: Mapping[str, Channel]) -> Mapping[str, Channel]:
    return {name: channels[name] for name in USUAL if name in channels}


_DAY = 86_400

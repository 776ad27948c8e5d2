"""What `zhangban notify templates` does: the registered templates beside the WeChat account's own. Exit codes: 0 they agree, 1 not, 2 not compared."""

import asyncio
import sys
from collections.abc import Sequence

from kit.errors import Outside, Refused, Unknown
from kit.http import Http
from kit.redis import Redis
from kit.wechat import PARTY, WeChat, WeChatAccount
from miniapp_api import settings as house
from miniapp_api import settings_notify
from miniapp_api.settings import BadSettings, Settings, secret
from notify.kinds import KINDS, REGISTERED
from notify.templates import Compared, Template, compared

LISTED = "/wxaapi/newtmpl/gettemplate"


def main() -> int:
    try:
        given = house.load()
    except BadSettings as exc:
        return _say(exc.problems, 2)
    needed = {"REDIS_URL": given.redis_url, "ZHANGBAN_WECHAT_APPID": given.wechat_appid, "ZHANGBAN_WECHAT_SECRET": secret(given.wechat_secret)}
    problems = [f"缺少设置 {name}：请在环境变量中给出，与 API 的相同" for name, value in needed.items() if not value]
    templates, wrong = settings_notify.wechat_templates(given.wechat_templates)
    if problems:
        return _say(problems, 2)
    if wrong:
        return _say(wrong)
    if not templates:
        return _say(["没有登记微信模板：ZHANGBAN_WECHAT_TEMPLATES 是空的，什么也不推送"])
    try:
        found = asyncio.run(_asked(given, list(templates.values())))
    except Refused as exc:
        return _say([f"微信拒绝了：{exc.reason}"], 2)
    except Outside as exc:
        return _say([f"没有从微信取到模板（{exc.reason}）：请检查网络、密钥和 IP 白名单，稍后再试"], 2)
    print(table(found), end="")
    return 1 if any(one.wrong for one in found) else 0


def table(found: Sequence[Compared]) -> str:
    """One line for each template, and under it what is wrong."""
    lines = []
    for one in found:
        kept = "长期" if one.template.long_term else "一次性"
        lines.append(f"{'不对' if one.wrong else '对'}  {one.template.kind}  {_plain(one.title) or KINDS[one.template.kind].title}  {kept}")
        lines += [f"      {_plain(what)}" for what in one.wrong]
    unregistered = [kind for kind in REGISTERED if kind not in {one.template.kind for one in found}]
    if unregistered:
        lines.append(f"没有登记，不推送：{'、'.join(unregistered)}")
    return "".join(f"{line}\n" for line in lines)


async def _asked(given: Settings, templates: list[Template]) -> list[Compared]:
    """Raises NotReached, Unknown, Refused."""
    http, redis = Http([given.wechat_url]), Redis(given.redis_url)
    try:
        wechat = WeChat(http, redis, WeChatAccount(given.wechat_url, given.wechat_appid, secret(given.wechat_secret)))
        listed = (await wechat.ask(LISTED)).get("data")
        if not isinstance(listed, list):
            raise Unknown(PARTY, "garbled_reply")
        return compared(templates, listed)
    finally:
        await redis.close()
        await http.close()


def _plain(text: str) -> str:
    return "".join(char for char in text if char.isprintable())


def _say(sentences: Sequence[str], code: int = 1) -> int:
    print(*sentences, sep="\n", file=sys.stderr)
    return code

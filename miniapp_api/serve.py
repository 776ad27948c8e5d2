"""One API or worker process, from settings to a clean stop."""

import asyncio
import errno
import sys

from miniapp_api import jobs, settings, wiring
from miniapp_api.app import create_app


def api() -> int:
    """Sanic in a single process; SIGTERM drains. More capacity: more of these behind the proxy."""
    given = settings.load()
    settings.check(given)
    asyncio.run(_prepare(given))
    deps = wiring.build(given)
    app = create_app(deps)
    app.after_server_stop(lambda _: deps.close())
    try:
        app.run(given.host, given.port, single_process=True, access_log=False, motd=False, debug=False)
    except OSError as exc:
        if exc.errno != errno.EADDRINUSE:
            raise
        return busy(given.port)
    return 0


def worker() -> int:
    given = settings.load()
    settings.check(given)

    async def main() -> None:
        deps = wiring.build(given)
        try:
            await deps.prepare()
            await jobs.run(deps)
        finally:
            await deps.close()

    asyncio.run(main())
    return 0


def busy(port: int) -> int:
    print(f"端口 {port} 已被占用：请换一个（例如 ZHANGBAN_PORT={port + 1}），或先停掉占用它的程序。", file=sys.stderr)
    return 2


async def _prepare(given: settings.Settings) -> None:
    """Indexes before the port opens, on a client of its own: Motor's belongs to the loop that serves."""
    deps = wiring.build(given)
    try:
        await deps.prepare()
    finally:
        await deps.close()

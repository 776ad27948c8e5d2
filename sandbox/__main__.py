"""`python -m sandbox`: the outside world on one port of localhost."""

import argparse
import errno
import json
import socket
import sys
from contextlib import suppress
from pathlib import Path

from sandbox.accounts import last_port
from sandbox.app import create_app
from sandbox.core_items import BadCatalogue


def main() -> int:
    """Exit code 2: a port or file is wrong."""
    parser = argparse.ArgumentParser(
        prog="sandbox", description="沙箱：微信、支付宝、快递、核心平台", epilog="例：python -m sandbox --port 9000 --data .data/sandbox"
    )
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=9000, help="0 = 任意空闲端口")
    parser.add_argument("--tls-port", type=int, default=0, help="微信支付 v2 退款（要商户证书）的端口，0 = 任意空闲端口")
    parser.add_argument("--data", type=Path, required=True, help="账本所在的文件夹")
    parser.add_argument("--items", type=Path, help="事项目录（每行一个 JSON）；不给则用自带的事项")
    parser.add_argument("--core-webhook", help="核心平台事件推送到这个地址")
    parser.add_argument("--wechat-messages", help="微信客服消息推送到这个地址，后面加 /账号名")
    parser.add_argument("--couriers", help="顺丰、EMS 的轨迹推送到这个地址之下的 /sf/口令 和 /ems")
    asked = parser.parse_args()
    listening, refunds = _listen(asked.host, asked.port, "--port"), _listen_tls(asked.host, asked.tls_port, asked.data)
    if listening is None or refunds is None:
        return 2
    try:
        app = create_app(asked.data, asked.items, asked.core_webhook, asked.wechat_messages, refunds=refunds, couriers=asked.couriers)
    except (BadCatalogue, OSError) as exc:
        print(f"事项目录不能使用：{exc}", file=sys.stderr)
        return 2
    print(json.dumps({"sandbox": f"http://{asked.host}:{listening.getsockname()[1]}"}), flush=True)
    app.run(sock=listening, single_process=True, access_log=False, motd=False)
    return 0


def _listen(host: str, port: int, option: str) -> socket.socket | None:
    """None: it says why."""
    try:
        return socket.create_server((host, port), reuse_port=False)
    except (OSError, OverflowError) as exc:
        if not isinstance(exc, OSError) or exc.errno != errno.EADDRINUSE:
            print(f"不能在 {host}:{port} 上监听：{exc} / Cannot listen there.", file=sys.stderr)
        else:
            print(f"端口 {port} 已被占用，请用 {option} 换一个。 / Port {port} is in use, choose another with {option}.", file=sys.stderr)
        return None


def _listen_tls(host: str, port: int, data: Path) -> socket.socket | None:
    """Any free port, but for a world that had one: merchants have written it down, so it is the same again while nobody has taken it."""
    with suppress(OSError):
        if port == 0 and (before := last_port(data)):
            return socket.create_server((host, before), reuse_port=False)
    return _listen(host, port, "--tls-port")


if __name__ == "__main__":
    sys.exit(main())

"""ZHANGBAN_FILES_S3: the bucket that files lie in. Everything wrong is told at once, and never the value itself."""

import json
import re
from typing import Any
from urllib.parse import urlsplit

from kit.s3 import Bucket
from kit.s3_signing import Access

NAME = "ZHANGBAN_FILES_S3"
_KNOWN = frozenset("endpoint region bucket access_key secret_key style prefix".split())
_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
_REGION = re.compile(r"[A-Za-z0-9-]{1,40}")
_ACCESS = re.compile(
    r"[\x21-\x2b\x2d\x2e\x30-\x3c\x3e-\x7e]{1,128}"
)  # what can stand in the Authorization header: no comma, slash, equals sign, space
_SECRET = re.compile(r"[\x21-\x7e]{8,256}")
_PREFIX = re.compile(r"(?:[A-Za-z0-9][A-Za-z0-9_-]{0,63}/){0,8}")


def files_s3(given: str, *, production: bool) -> tuple[Bucket | None, list[str]]:
    """None: not configured."""
    if not given:
        return None, []
    try:
        one = json.loads(given)
    except ValueError:
        one = None
    if not isinstance(one, dict):
        return None, [f"{NAME} 应为 JSON 对象（见 docs/operations.md）"]
    one = {"style": "path", "prefix": "", **one}
    wrong = _wrong(one, production=production)
    if wrong:
        return None, [f"{NAME}：{what}" for what in wrong]
    return Bucket(
        one["endpoint"].rstrip("/"), one["bucket"], Access(one["region"], one["access_key"], one["secret_key"]), one["style"], one["prefix"]
    ), []


def _wrong(one: dict[str, Any], *, production: bool) -> list[str]:
    wrong = [f"不认识 {'、'.join(str(name)[:30] for name in extra)}"] if (extra := sorted(set(one) - _KNOWN)) else []
    checks = {
        "endpoint 应为 http 地址，只有主机和端口，如 https://s3.example.gov.cn": _is_origin(one.get("endpoint")),
        "endpoint 在正式环境只能是 https": not production or not _is_origin(one.get("endpoint")) or one["endpoint"].lower().startswith("https:"),
        "region 应为区域的代码，如 cn-north-1；没有区域的存储一般填 us-east-1": _matches(_REGION, one.get("region")),
        "bucket 应为存储桶的名称：3 到 63 个小写字母、数字、点或连字符": _matches(_BUCKET, one.get("bucket")),
        "access_key 应为访问密钥的编号": _matches(_ACCESS, one.get("access_key")),
        "secret_key 应为访问密钥，至少 8 个字符": _matches(_SECRET, one.get("secret_key")),
        "style 应为 path（桶名在路径里）或 host（桶名在主机名里）": one["style"] in ("path", "host"),
        "style 为 host 时，https 的证书管不到名称里有点的桶：请改用 path 或换一个桶": one["style"] != "host" or "." not in str(one.get("bucket")),
        "prefix 应为空，或以斜杠结尾的字母、数字、连字符、下划线，如 zhangban/": _matches(_PREFIX, one["prefix"]),
    }
    return wrong + [what for what, holds in checks.items() if not holds]


def _matches(pattern: re.Pattern[str], value: Any) -> bool:
    return isinstance(value, str) and pattern.fullmatch(value) is not None


def _is_origin(value: Any) -> bool:
    """scheme://host[:port] and nothing else."""
    try:
        parts = urlsplit(value) if isinstance(value, str) else None
        if parts is None or parts.scheme not in ("http", "https") or not parts.hostname or (parts.port or 1) <= 0:
            return False
    except ValueError:  # half an IPv6 address, or a port that is no number
        return False
    return parts.path in ("", "/") and not parts.query and not parts.fragment and parts.username is None

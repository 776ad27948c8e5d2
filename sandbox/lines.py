"""Lines of a file of items, one JSON object each, as items of the contract: what was odd is named, a bad line never hides the good ones.

`python -m sandbox.lines gd <FILE` writes one JSON object a line: {line, code, item, odd: [{field, value, why}]} or {line, why}.
"""

import sys
from collections.abc import Iterable, Iterator
from typing import Any

import orjson

from sandbox import gd

Json = dict[str, Any]
FORMATS = ("gd", "items")  # the Guangdong format; items of the contract (contract.yaml)


def converted(lines: Iterable[bytes | str], first: int = 1, format: str = "") -> Iterator[Json]:
    """`format` "" takes either, line by line. `first` is the number of the first line; empty lines are passed over."""
    for number, line in enumerate(lines, first):
        if not line.strip():
            continue
        try:
            yield {"line": number, **_converted(orjson.loads(_without_mark(line)), format)}
        except KeyError as exc:
            yield {"line": number, "why": f"缺少 {exc.args[0]}"}
        except (orjson.JSONDecodeError, TypeError, ValueError) as exc:
            yield {"line": number, "why": f"不是一行 JSON 对象：{exc}" if isinstance(exc, orjson.JSONDecodeError) else str(exc)}


def _without_mark(line: bytes | str) -> bytes | str:
    """Some editors put a byte order mark at the beginning of a file."""
    return line.removeprefix(b"\xef\xbb\xbf") if isinstance(line, bytes) else line.removeprefix("\ufeff")


def _converted(record: Any, format: str) -> Json:
    if not isinstance(record, dict):
        raise ValueError("不是一个 JSON 对象")
    is_gd = format == "gd" or (not format and "TASK_CODE" in record)
    made, odd = (gd.item(record), gd.odd(record)) if is_gd else (record, [])
    if any(not isinstance(made.get(field), str) or not made[field] for field in ("code", "name")):
        raise ValueError("事项要有 code 和 name，并且是文字")
    return {"code": made["code"], "item": made, "odd": odd}


def main() -> int:
    """Reads standard input to its end. Exit code 2: an unknown format."""
    if sys.argv[1:] not in [[format] for format in FORMATS]:
        print(f"格式应为 {'、'.join(FORMATS)}", file=sys.stderr)
        return 2
    for one in converted(sys.stdin.buffer, format=sys.argv[1]):
        sys.stdout.buffer.write(orjson.dumps(one, option=orjson.OPT_APPEND_NEWLINE))
    return 0


if __name__ == "__main__":
    sys.exit(main())

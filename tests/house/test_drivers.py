"""A third-party driver is imported in one file, so that changing it changes one file."""

import ast
from fnmatch import fnmatch
from pathlib import Path

import pytest

from tests.house.python_files import python_files

ROOT = Path(__file__).parents[2]

# fnmatch patterns; * also crosses folders.
ALLOWED = {
    "motor": ("kit/mongo.py", "bench/peers/*", "bench/notify/peers/*"),
    "pymongo": ("kit/mongo.py", "kit/embedded.py", "tests/kit/test_embedded.py", "bench/search/peers/*", "bench/notify/peers/*"),
    "redis": ("kit/redis.py", "bench/peers/*", "tests/crash/test_kill_pushes.py"),
    "chinese_calendar": ("kit/workdays.py",),
    "aiohttp": ("kit/http.py", "miniapp_api/demo*.py", "sandbox/*", "tests/*", "bench/*"),
    "sanic": ("miniapp_api/*", "sandbox/*", "bench/peers/*"),
    "tantivy": ("content/search.py", "content/publications_search.py"),
    "alipay": ("kit/alipay.py", "tests/*"),
    "fpdf": ("payments/receipt_page.py", "delivery/label_page.py", "kit/print_font.py"),
    "segno": ("payments/receipt_page.py", "appointments/code.py"),
    "fontTools": ("kit/print_font.py",),
    "pystrich": ("delivery/label_page.py",),
    "zxingcpp": ("tests/*",),
    "PIL": ("cases/file_image.py", "tests/*", "bench/cases/*"),
    "pypdf": ("cases/file_pdf.py", "tests/*", "bench/cases/*"),
    "multipart": ("miniapp_api/upload.py",),
    "xlsxwriter": ("payments/safe_cells.py", "tests/*"),
    "wechatpy": ("kit/wechat*.py", "payments/wechat_pay_v2_signing.py", "tests/*"),
    "wechatpayv3": ("tests/*",),
}


def strays(root: Path) -> list[str]:
    found = []
    for path in python_files(root):
        name = path.relative_to(root).as_posix()
        if name.startswith("bot/rasa/"):
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            modules = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom) and node.module and not node.level:
                modules = [node.module]
            for driver in (module.partition(".")[0] for module in modules):
                if driver in ALLOWED and not any(fnmatch(name, pattern) for pattern in ALLOWED[driver]):
                    found.append(f"{name}: {driver} belongs in {', '.join(ALLOWED[driver])}")
    return found


def test_drivers_are_imported_only_in_their_file() -> None:
    assert strays(ROOT) == []


@pytest.mark.parametrize("driver", ALLOWED)
def test_a_stray_import_is_seen_and_the_right_one_is_not(tmp_path: Path, driver: str) -> None:
    for file in ("cases/store.py", ALLOWED[driver][0].replace("*", "x.py").replace(".py.py", ".py")):
        (tmp_path / file).parent.mkdir(exist_ok=True)
        (tmp_path / file).write_text(f"def inside():\n    from {driver}.deep import thing\n")
    assert [one.partition(":")[0] for one in strays(tmp_path)] == ["cases/store.py"]

"""README.md and README.zh-CN.md tell the same: as many headings of each level in the same order, and the same commands."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
READMES = ("README.md", "README.zh-CN.md")
_BLOCK = re.compile(r"^```[^\n]*\n(.*?)^```\s*$", re.MULTILINE | re.DOTALL)
_HEADING = re.compile(r"^(#{1,6}) ", re.MULTILINE)
_COMMENT = re.compile(r"\s*(?:^|(?<=\s))#.*$", re.MULTILINE)  # the words beside a command may differ


def told(text: str) -> tuple[list[str], list[str]]:
    """(heading marks in order, code blocks without comments)"""
    return _HEADING.findall(_BLOCK.sub("", text)), [_COMMENT.sub("", block).strip() for block in _BLOCK.findall(text)]


def differences(root: Path) -> list[str]:
    missing = [f"{name} is missing" for name in READMES if not (root / name).is_file()]
    if missing:
        return missing
    (heads, blocks), (other_heads, other_blocks) = (told((root / name).read_text(encoding="utf-8")) for name in READMES)
    found = [] if heads == other_heads else [f"headings differ: {len(heads)} and {len(other_heads)}"]
    if len(blocks) != len(other_blocks):
        found.append(f"code blocks differ: {len(blocks)} and {len(other_blocks)}")
    return found + [f"code block differs:\n{a}\n---\n{b}" for a, b in zip(blocks, other_blocks, strict=False) if a != b]


def test_both_readmes_tell_the_same() -> None:
    assert differences(ROOT) == []


def test_a_missing_readme_a_lost_heading_and_another_command_are_seen(tmp_path: Path) -> None:
    english, chinese = (tmp_path / name for name in READMES)
    english.write_text("# A\n## B\n```sh\n# not a heading\nmake run  # starts it\n```\n")
    assert differences(tmp_path) == ["README.zh-CN.md is missing"]
    chinese.write_text("# 甲\n## 乙\n```sh\n# 不是标题\nmake run  # 启动\n```\n")
    assert differences(tmp_path) == []
    chinese.write_text("# 甲\n```sh\nmake test\n```\n")
    assert [one.partition(":")[0] for one in differences(tmp_path)] == ["headings differ", "code block differs"]

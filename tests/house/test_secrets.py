"""No key, token, machine's path or package registry is written into the tree, and no secret has a default."""

import ast
import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SKIPPED = {"node_modules", "__pycache__", "dist"}  # and whatever starts with a dot, but for OWN_DOTS
OWN_DOTS = {".ci", ".dockerignore", ".gitignore", ".python-version"}
LARGEST = 2_000_000  # bytes

# Written so that no pattern matches itself.
TOKENS = {
    "private key": re.compile(r"-----BEGIN (?:[A-Z]+ )?PRIVATE KEY-----(?:\s|\\n)*[A-Za-z0-9+/]{16}"),
    "token": re.compile(
        r"\b(?:gh[pousr]_[A-Za-z0-9]{36}|github_pat_\w{40}|glpat-[\w-]{20}|pypi-AgE\w{20}|xox[abprs]-[\w-]{20}|(?:AKIA|ASIA)[0-9A-Z]{16}"
        r"|LTAI[A-Za-z0-9]{16,}|AKID[A-Za-z0-9]{32}|sk-[A-Za-z0-9]{32,})\b"
    ),
    "password in a URL": re.compile(r"[a-z]+://[\w.-]+:[^@\s/{}$<>'\"*]+@[\w.-]"),
    "path of one machine": re.compile(r"(?<![\w.}/-])/(?:root|work|home/[a-z]\w*|Users/[A-Za-z]\w*)/"),
}
REGISTRY = re.compile(
    r"\b(?:pypi\.org|pythonhosted\.org|registry\.npmjs\.org|npmmirror\.com|pypi\.tuna\.|mirrors?\.(?:aliyun|tencent|ustc|cloud)\w*\.)"
)
SECRET_FIELD = re.compile(r"secret|key|password|token", re.IGNORECASE)
NOT_SECRET = {"field_key_current"}  # the name of a key


def paths(root: Path) -> Iterator[Path]:
    """What git holds or, outside of a checkout, what lies there. A log that someone wrote into the folder is not ours to judge."""
    if (root / ".git").exists():
        listed = subprocess.run(["git", "ls-files", "-z"], cwd=root, capture_output=True, check=False)
        if listed.returncode == 0 and listed.stdout:
            yield from (path for name in listed.stdout.decode().split("\0") if name and (path := root / name).is_file())
            return
    for folder, folders, files in os.walk(root):
        folders[:] = [name for name in folders if name in OWN_DOTS or not (name.startswith(".") or name in SKIPPED)]
        for name in sorted(files):
            if name in OWN_DOTS or (not name.startswith(".") and not name.endswith((".log", ".out"))):
                yield Path(folder, name)


def texts(root: Path) -> Iterator[tuple[str, str]]:
    for path in paths(root):
        if path.stat().st_size <= LARGEST:
            raw = path.read_bytes()
            if b"\0" not in raw:
                yield path.relative_to(root).as_posix(), raw.decode(errors="replace")


def leaks(root: Path) -> list[str]:
    found = []
    for name, text in texts(root):
        patterns = {} if name.endswith("uv.lock") else {**TOKENS, "registry": REGISTRY}
        for what, pattern in patterns.items():
            found += [f"{name}:{text.count(chr(10), 0, hit.start()) + 1}: {what}" for hit in pattern.finditer(text)]
    return found


def default_secrets(root: Path) -> list[str]:
    """Fields of a …Settings class with a secret's name and a literal that is not empty."""
    found = []
    for name, text in texts(root):
        if not name.endswith(".py") or name.startswith("tests/"):
            continue
        for settings in (node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.ClassDef)):
            if not any("Settings" in ast.unparse(base) for base in settings.bases):
                continue
            for line in settings.body:
                field = ast.unparse(line.target) if isinstance(line, ast.AnnAssign) else ""
                literals = (
                    [node.value for node in ast.walk(line.value) if isinstance(node, ast.Constant)]
                    if isinstance(line, ast.AnnAssign) and line.value
                    else []
                )
                if SECRET_FIELD.search(field) and field not in NOT_SECRET and any(isinstance(one, str | bytes) and one for one in literals):
                    found.append(f"{name}:{line.lineno}: {field}")
    return found


def test_nothing_secret_and_nothing_of_one_machine_is_in_the_tree() -> None:
    assert leaks(ROOT) == []


def test_no_secret_has_a_default() -> None:
    assert default_secrets(ROOT) == []


BAD = {
    "private key": "-----BEGIN RSA " + "PRIVATE KEY-----\nMIIEowIBAAKCAQEAx7",
    "token": "ghp" + "_" + "a1" * 18,
    "password in a URL": "mongodb://root:" + "hunter2" + "@db",
    "path of one machine": "open('" + "/ro" + "ot/x')",
    "registry": "https://" + "pypi" + ".org/simple",
}


@pytest.mark.parametrize("what", BAD)
def test_a_leak_is_seen(tmp_path: Path, what: str) -> None:
    (tmp_path / ".ci").mkdir()
    (tmp_path / ".ci/run").write_text(f"first line\n{BAD[what]}\n")
    assert leaks(tmp_path) == [f".ci/run:2: {what}"]


def test_in_a_checkout_a_leak_is_seen_once_git_holds_it(tmp_path: Path) -> None:
    subprocess.run(["git", "init", "--quiet"], cwd=tmp_path, check=True)
    for name in ("held.txt", "left-there.txt"):
        (tmp_path / name).write_text(BAD["token"])
    subprocess.run(["git", "add", "held.txt"], cwd=tmp_path, check=True)
    assert leaks(tmp_path) == ["held.txt:1: token"]


def test_what_is_no_leak_passes(tmp_path: Path) -> None:
    (tmp_path / "uv.lock").write_text(BAD["registry"])
    (tmp_path / "fine.py").write_text('f"-----BEGIN PRIVATE KEY-----\\n{body}"; "redis://user:{password}@host"; "/app/work/x"')
    (tmp_path / "pixel.png").write_bytes(b"\0" + BAD["token"].encode())
    assert leaks(tmp_path) == []


@pytest.mark.parametrize("default", ['"changeme"', 'Field(default="changeme")', 'SecretStr("changeme")', 'b"changeme"'])
def test_a_default_secret_is_seen(tmp_path: Path, default: str) -> None:
    (tmp_path / "settings.py").write_text(
        f'class Settings(BaseSettings):\n    url: str = "http://x"\n    core_secret: SecretStr = {default}\n    api_key: str = ""'
    )
    assert default_secrets(tmp_path) == ["settings.py:3: core_secret"]

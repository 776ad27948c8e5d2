"""Our own Python files: environments lie inside the folder, also in bot/rasa, and hold twenty thousand of others'."""

import os
from pathlib import Path


def python_files(root: Path) -> list[Path]:
    """Those in folders below the root, sorted; nothing hidden."""
    found = []
    for folder, folders, files in os.walk(root):
        folders[:] = [name for name in folders if not name.startswith(".")]
        if Path(folder) != root:
            found += [Path(folder, name) for name in files if name.endswith(".py")]
    return sorted(found)

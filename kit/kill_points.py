"""Named places at which a test may have this process killed, as a power cut would. Nothing happens unless ZHANGBAN_KILL_POINTS names a folder.

A process that reaches the point whose name lies in that folder as a file takes the file away and dies by SIGKILL. Production refuses the setting.
"""

import os
import signal
from pathlib import Path

VARIABLE = "ZHANGBAN_KILL_POINTS"
_FOLDER = os.environ.get(VARIABLE)


def reached(name: str) -> None:
    """One comparison where no test asked for it."""
    if _FOLDER is None:
        return
    try:
        (Path(_FOLDER) / name).unlink()
    except FileNotFoundError:
        return
    os.kill(os.getpid(), signal.SIGKILL)

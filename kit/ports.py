"""TCP ports of 127.0.0.1 for what we start ourselves. POSIX."""

import fcntl
import os
import random
import socket
import tempfile
from collections import deque
from contextlib import suppress
from pathlib import Path
from typing import IO

# Below the ephemeral range of Linux (32768) and macOS (49152): a client that keeps dialling the port of a killed server
# can otherwise be given that very port as its own and connect to itself, and the server can then not come back.
_PORTS = range(20000, 32000)
_CLAIMED: deque[IO[bytes]] = deque()  # locked files of the ports this process chose last
_MOST_CLAIMED = 64  # more than anybody opens at once; each is an open file


def choose() -> int | None:
    """One that nobody listens on now, and that no other process of this user chooses too while this one lives. None: there is none."""
    for port in random.SystemRandom().sample(_PORTS, 200):
        if is_free(port) and claim(port):
            return port
    return None


def is_free(port: int) -> bool:
    with socket.socket() as probe, suppress(OSError):
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as the servers do: TIME_WAIT does not count
        probe.bind(("127.0.0.1", port))
        return True
    return False


def claim(port: int) -> bool:
    """Seconds go by between the choice and the listening: two stacks that start at once would else meet, and one be asked for the other."""
    folder = Path(tempfile.gettempdir()) / f"zhangban-ports-{os.getuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    file = (folder / str(port)).open("ab")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        file.close()
        return False
    _CLAIMED.append(file)
    if len(_CLAIMED) > _MOST_CLAIMED:
        _CLAIMED.popleft().close()
    return True

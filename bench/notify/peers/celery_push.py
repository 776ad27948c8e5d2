"""Celery 5 on Redis, acknowledged after the work, with a pool of processes or of threads. Settings by environment (bench/notify/race.py says which were best).

Run by `celery -A bench.notify.peers.celery_push worker`.
"""

import json
import os
from datetime import UTC, datetime
from functools import cache
from typing import Any

import urllib3
from celery import Celery
from pymongo import MongoClient, WriteConcern

from bench.notify.peers import SECONDS, SEND, outcome, take

app = Celery("bench_push", broker=os.environ.get("BENCH_BROKER", "redis://127.0.0.1:1/0"))
app.conf.update(
    task_acks_late=True,
    task_reject_on_worker_lost=True,
    task_ignore_result=True,
    worker_prefetch_multiplier=int(os.environ.get("BENCH_PREFETCH", "4")),
    worker_disable_rate_limits=True,
    worker_send_task_events=False,
    broker_connection_retry_on_startup=True,
    broker_transport_options={"visibility_timeout": 3600},
    task_default_queue=os.environ.get("BENCH_QUEUE", "bench_celery"),
)


class Parts:
    """Of one process: one database client, and connections that are kept."""

    def __init__(self) -> None:
        client: MongoClient[dict[str, Any]] = MongoClient(os.environ["BENCH_MONGO"], tz_aware=True, retryWrites=True)
        database = client.get_database(os.environ["BENCH_DATABASE"], write_concern=WriteConcern(w="majority", j=True, wtimeout=5000))
        self.consents, self.messages = database["consents"], database["messages"]
        self.http = urllib3.PoolManager(
            maxsize=128, timeout=SECONDS, retries=False
        )  # 0.13 ms of CPU a call; httpx.Client 0.24, requests.Session 0.32
        self.url = os.environ["BENCH_WECHAT"] + SEND


@cache
def parts() -> Parts:
    """Made with the first task, which in a pool of processes is after the fork."""
    return Parts()


@app.task(name="bench.push")  # type: ignore[untyped-decorator]  # celery has no types
def push(consent: str, message: str, body: str) -> None:
    own = parts()
    if not own.consents.update_one(*take(consent, message)).modified_count:
        return
    reply = own.http.request("POST", own.url, body=body.encode(), headers={"Content-Type": "application/json"})
    sent = reply.status == 200 and json.loads(reply.data)["errcode"] == 0
    own.messages.update_one(*outcome(message, datetime.now(UTC), "sent" if sent else "unknown"))

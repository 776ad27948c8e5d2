"""What the model makes of sentences, without a server.

python evaluate.py MODEL < questions.jsonl > intents.jsonl        run in this folder, with this project's interpreter
A line in: {"text": "…", …}. A line out: the same with intent, confidence, ms. The last line of stderr tells load time, milliseconds a sentence and memory.
"""

import asyncio
import json
import logging
import os
import resource
import sys
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("RASA_TELEMETRY_ENABLED", "false")


async def main(model):
    began = time.perf_counter()
    from rasa.core.agent import Agent
    from rasa.utils.log_utils import configure_structlog

    configure_structlog(logging.WARNING)  # it would write to stdout, between the answers

    agent = Agent.load(model)
    loaded = time.perf_counter() - began
    await agent.parse_message("你好")  # the first one pays for what is loaded late
    took = []
    for line in sys.stdin:
        row = json.loads(line)
        began = time.perf_counter()
        parsed = await agent.parse_message(row["text"])
        took.append((time.perf_counter() - began) * 1000)
        row.update(intent=parsed["intent"]["name"], confidence=round(parsed["intent"]["confidence"], 4), ms=round(took[-1], 2))
        row["ranking"] = [[one["name"], round(one["confidence"], 4)] for one in parsed["intent_ranking"][:3]]
        print(json.dumps(row, ensure_ascii=False))
    took.sort()
    told = {
        "sentences": len(took),
        "load_s": round(loaded, 1),
        "parse_p50_ms": round(took[len(took) // 2], 2),
        "parse_p95_ms": round(took[int(len(took) * 0.95)], 2),
        "max_rss_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
    }
    print(json.dumps(told), file=sys.stderr)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    asyncio.run(main(sys.argv[1]))

"""Items as the store holds them: made up, and all of the sandbox's own."""

import json
from pathlib import Path
from typing import Any

from core.types import Item

Json = dict[str, Any]
FOLDER = Path(__file__).parents[2] / "sandbox" / "catalogue"


def make_item(code: str = "I1", version: int = 1, **fields: Any) -> Json:
    base = {"code": code, "version": version, "name": f"事项{code}", "department": {"name": "测试局"}}
    return Item.model_validate({**base, **fields}).model_dump(mode="json")


def make_question(question_id: str, *options: str) -> Json:
    """Each option's title is its id between brackets."""
    return {"id": question_id, "question": f"{question_id}？", "options": [{"id": one, "title": f"[{one}]"} for one in options]}


def own_items() -> list[Json]:
    lines = [line for path in sorted(FOLDER.glob("*.jsonl")) for line in path.read_text(encoding="utf-8").splitlines()]
    return [make_item(**json.loads(line)) for line in lines]

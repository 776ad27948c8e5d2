"""Cuts a resident's question into words: one form for all ways of writing, the clause that asks, the catalogue's own words whole.

jieba is used through an object of our own, so that nothing that happens to the process-wide jieba matters here.
"""

from __future__ import annotations

import hashlib
import re
import shutil
import unicodedata
from pathlib import Path
from typing import Any, Dict, List, Optional, Text

import jieba
import opencc
from rasa.engine.graph import ExecutionContext
from rasa.engine.recipes.default_recipe import DefaultV1Recipe
from rasa.engine.storage.resource import Resource
from rasa.engine.storage.storage import ModelStorage
from rasa.nlu.tokenizers.tokenizer import Token, Tokenizer
from rasa.shared.nlu.training_data.message import Message
from rasa.shared.nlu.training_data.training_data import TrainingData

_COUNT = 2000  # a matter is as common as 护照 in general text
_SIMPLIFIED = opencc.OpenCC("t2s")
_CLAUSE = re.compile(r"[^。!?;,…~\n]*[。!?;,…~\n]*")
_ASKS = re.compile(r"[吗嘛么不没否未呢冇]\W*$|啥|什么|哪|[去到在从]那里|多少|[几多][个天久次趟钱回时长大岁]|怎|咋|如何|何[时处]|谁|几[多耐时]|[能可要会行有是]不|有没有|是否|能否|可否|点[样先]|边[度个]|[乜咩]|\?")
_NOT_WORDS = re.compile(r"[\W_]+")
_COURTESY = re.compile(
    r"^(非常|十分|多|万分|先)?(谢谢|感谢|多谢|谢了|唔该|辛苦|麻烦|拜托|劳驾|thx|thanks?)(了|啦|您|你|大家|领导|政府|解答|回复|告知|指点|帮忙|一下|哈|啊|呀|们)*$"
    r"|^(急|很急|在线等|急急急|盼复|盼回复|望回复|望告知|望解答|求解答|求回复|请回复|请答复|请解答|此致|敬礼|好人一生平安)+$"
)


def folded(text: str) -> str:
    """Width, case, traditional characters."""
    return str(_SIMPLIFIED.convert(unicodedata.normalize("NFKC", text))).lower().strip()


def asked_in(text: str, longest: int) -> str:
    """From the last clause that asks on; where none does, the clauses at the end, about `longest` characters. Thanks at the end are left out.

    店转给表弟了，执照要改，带啥 is a question about what to bring, and all that stands before it is about something else.
    """
    clauses = [one for one in _CLAUSE.findall(text) if _NOT_WORDS.sub("", one)]
    while len(clauses) > 1 and _COURTESY.match(_NOT_WORDS.sub("", clauses[-1])):
        clauses.pop()
    for at in range(len(clauses) - 1, -1, -1):
        if _ASKS.search(clauses[at]):
            return "".join(clauses[at:])
    kept: List[str] = []
    for clause in reversed(clauses):
        if kept and sum(map(len, kept)) + len(clause) > longest:
            break
        kept.append(clause)
    return "".join(reversed(kept))


@DefaultV1Recipe.register(DefaultV1Recipe.ComponentType.MESSAGE_TOKENIZER, is_trainable=True)
class ZhTokenizer(Tokenizer):
    """`words`: a file of names of matters, one a line (words.py makes it); kept inside the model. `longest`: characters read from the end."""

    @staticmethod
    def supported_languages() -> Optional[List[Text]]:
        return ["zh"]

    @staticmethod
    def required_packages() -> List[Text]:
        return ["jieba", "opencc"]

    @staticmethod
    def get_default_config() -> Dict[Text, Any]:
        return {
            "words": "words/matters.txt",
            "longest": 40,
            "intent_tokenization_flag": False,
            "intent_split_symbol": "_",
            "token_pattern": None,
            "prefix_separator_symbol": None,
        }

    @classmethod
    def fingerprint_addon(cls, config: Dict[Text, Any]) -> Optional[Text]:
        """A changed dictionary is a changed component: without this a cached one would be trained on."""
        file = Path({**cls.get_default_config(), **config}["words"])
        return hashlib.sha256(file.read_bytes()).hexdigest() if file.is_file() else None

    def __init__(self, config: Dict[Text, Any], storage: ModelStorage, resource: Resource, matters: List[Text]) -> None:
        super().__init__(config)
        self._storage = storage
        self._resource = resource
        self._longest = int(config["longest"])
        self._jieba = jieba.Tokenizer()
        self._jieba.initialize()
        for word in filter(None, matters):
            self._jieba.add_word(word, _COUNT)

    @classmethod
    def create(cls, config: Dict[Text, Any], model_storage: ModelStorage, resource: Resource, execution_context: ExecutionContext) -> ZhTokenizer:
        return cls(config, model_storage, resource, Path(config["words"]).read_text(encoding="utf-8").split("\n"))

    @classmethod
    def load(
        cls, config: Dict[Text, Any], model_storage: ModelStorage, resource: Resource, execution_context: ExecutionContext, **kwargs: Any
    ) -> ZhTokenizer:
        with model_storage.read_from(resource) as folder:
            words = (folder / "matters.txt").read_text(encoding="utf-8").split("\n")
        return cls(config, model_storage, resource, words)

    def train(self, training_data: TrainingData) -> Resource:
        with self._storage.write_to(self._resource) as folder:
            shutil.copy2(self._config["words"], folder / "matters.txt")
        return self._resource

    def tokenize(self, message: Message, attribute: Text) -> List[Token]:
        text = asked_in(folded(message.get(attribute)), self._longest)
        tokens: List[Token] = []
        for word, start, end in self._jieba.tokenize(text):
            if not _NOT_WORDS.sub("", word) and word not in "?!":
                continue
            tokens.append(Token(word, start, end))
        return tokens or [Token(text or "?", 0)]

"""The assistant in a WeChat chat: one conversation per person and account, as text with numbered choices."""

from bot.turn import Assistant
from bot.wechat_texts import numbered
from kit.crypto import Keyring
from residents.store import Residents


class WeChatAnswers:
    """`mini_program`: name of the account whose openids are our residents' own; people of an official account are not known by theirs."""

    def __init__(self, assistant: Assistant, residents: Residents, keys: Keyring, mini_program: str | None) -> None:
        self._assistant = assistant
        self._residents = residents
        self._keys = keys
        self._mini_program = mini_program

    async def answer(self, channel: str, account: str, sender: str, text: str) -> list[str]:
        """Raises what the assistant does."""
        conversation = f"talk_{self._keys.index(f'talk:{channel}:{account}', sender)}"
        resident_id = await self._residents.known(channel, sender) if account == self._mini_program else None
        answered = await self._assistant.answer(text, conversation_id=conversation, resident_id=resident_id, ours=True)
        return [numbered(answered.reply.model_dump())]

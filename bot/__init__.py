"""The assistant: what was asked is found by the search, told from the live item, and kept in order by Rasa (bot/rasa, with its own interpreter)."""

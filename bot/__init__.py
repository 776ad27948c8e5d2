"""The assistant: Rasa project, actions, client, evaluation. Nothing is here yet."""

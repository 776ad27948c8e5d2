"""The assistant measured from outside, through POST /v1/assistant/messages alone."""

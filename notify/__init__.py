"""Telling people: messages, consents, channels, the inbox. Every move reaches the resident once, or says why not."""

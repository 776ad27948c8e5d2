"""The core platform: its contract, frozen types, and the only client that talks to it."""

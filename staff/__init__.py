"""People who work here: accounts, roles, two-factor sign-in, and the chain of what they did."""

"""Who you are: channel identities, the real-name person behind them, sessions."""

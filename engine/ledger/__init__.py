"""Floor 3: the only place where money is kept (spec accounts)."""

"""Many processes: who owns which market, and what an engine and a gateway are made of."""

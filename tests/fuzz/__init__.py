"""Whatever a client may send: bytes, texts and commands by chance, from a seed."""

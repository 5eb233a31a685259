"""Floor 4: the rules of each kind of room, strangers to one another."""

"""Floor 1: the words everything else is built from. Imports nothing of ours."""

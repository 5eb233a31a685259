"""The writer, as those who ask and those who kill it see it."""

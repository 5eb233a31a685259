"""The demo, member by member."""

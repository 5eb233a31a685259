"""The rules of a negotiation, by their numbers."""

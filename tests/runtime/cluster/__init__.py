"""Owning markets, and giving them away."""

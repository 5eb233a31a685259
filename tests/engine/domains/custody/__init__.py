"""Parcels from hand to hand, rule by rule."""

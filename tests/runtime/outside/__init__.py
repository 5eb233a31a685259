"""Errands and providers, against real servers where there are any."""

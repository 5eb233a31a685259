"""Archiving, restoring and exporting."""

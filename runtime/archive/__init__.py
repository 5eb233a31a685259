"""Closed periods of the log: to files and back, and the history of one room."""

"""Tests of the files that say how the house is run elsewhere."""

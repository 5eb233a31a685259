"""Tests of persistence: what is true of one log alone. tests/contract has what is true of all."""

"""Tests of `make cluster`."""

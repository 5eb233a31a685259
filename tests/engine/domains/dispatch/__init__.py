"""Tests of engine/domains/dispatch."""

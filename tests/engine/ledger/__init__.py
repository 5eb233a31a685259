"""Tests of engine/ledger."""

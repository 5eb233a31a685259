"""Tests of the auction domain, over the real core and ledger."""

"""Tests of the identity domain, over the real core and ledger."""

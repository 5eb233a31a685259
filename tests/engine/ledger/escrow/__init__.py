"""Tests of engine/ledger/escrow/."""

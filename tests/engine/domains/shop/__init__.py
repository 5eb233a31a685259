"""Tests of the shop domain, over the real core."""

"""Tests of the domains, by domain."""

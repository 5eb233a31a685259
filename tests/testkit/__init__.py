"""Tests of the testkit: a tool that lies proves nothing."""

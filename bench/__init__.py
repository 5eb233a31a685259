"""Measuring the house from outside, over its own wire. Never part of the product."""

"""Gateways and writers that have only Redis between them."""

"""Payment webhooks: one file for each provider, one row for it in `providers.py`."""

"""Payment webhooks, provider by provider."""

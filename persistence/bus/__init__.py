"""Between gateways and writers that are processes of their own: streams and channels of Redis."""

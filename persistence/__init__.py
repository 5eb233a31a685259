"""Where what was decided is kept: the event logs, their leases and their snapshots."""

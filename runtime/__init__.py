"""The composition root: configuration, the clock, the writer's loop and the command line."""

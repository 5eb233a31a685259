"""The writer of a log: the sequencer, driven by asyncio, from recovery to release."""

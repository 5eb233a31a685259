"""The benchmark's parts, one file each."""

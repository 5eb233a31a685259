"""`outcry top`: rates and latencies of running processes, on a terminal."""

"""The house as a whole: real processes, real sockets, real logs, and what may befall them."""

"""`make cluster`: many processes with people in their markets, to look at and to hurt."""

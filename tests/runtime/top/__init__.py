"""What `outcry top` reckons and shows."""

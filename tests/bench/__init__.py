"""The benches are programs too."""

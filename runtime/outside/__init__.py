"""The world outside the house: errands, and the providers that carry them out."""

"""What a checker says when the house breaks a promise."""


class Violation(Exception):
    """A promise of the house was broken; the text says which, and how it shows."""


def expect(holds: object, promise: str) -> None:
    """Raise Violation unless it holds."""
    if not holds:
        raise Violation(promise)

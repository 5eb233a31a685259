"""One registry for all runs: it takes longer to build than many of them."""

import pytest

from engine.registry import Registry, build_registry, find_domains


@pytest.fixture(scope="session")
def registry() -> Registry:
    """All domains."""
    return build_registry(find_domains())

"""`locutor version`"""

from __future__ import annotations


def version() -> None:
    """Print the version."""
    import locutor

    print(f"locutor {locutor.__version__}")

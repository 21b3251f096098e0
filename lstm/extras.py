"""What to install where an optional package is missing."""

from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["needing"]


@contextmanager
def needing(who: str, packages: str, extra: str) -> Iterator[None]:
    """Import optional packages under this, so that a missing one is an error with advice.

    Args:
        who: What needs them, as the subject of the message.
        packages: Their names.
        extra: The extra of ``lstm-book`` that installs them.

    Raises:
        ImportError: If an import fails.

    Example:
        >>> with needing("The oracle", "JAX", "jax"):
        ...     import jaxx
        Traceback (most recent call last):
        ImportError: The oracle needs JAX: pip install 'lstm-book[jax]' (No module named 'jaxx')
    """
    try:
        yield
    except ImportError as error:
        advice = f"{who} needs {packages}: pip install 'lstm-book[{extra}]'"
        raise ImportError(f"{advice} ({error})") from error

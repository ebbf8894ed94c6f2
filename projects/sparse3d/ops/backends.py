"""Which backend of an operator runs: one way to choose, one error."""
from __future__ import annotations

from collections.abc import Mapping

from sparse3d.errors import BackendUnavailable

AUTO = 'auto'
# Of an operator in plain PyTorch: both run on every device.
FAST_AND_REFERENCE: Mapping[str, str | None] = {'fast': None, 'reference': None}


def choose_backend(
        operator: str,
        wanted: str,
        backends: Mapping[str, str | None] = FAST_AND_REFERENCE,
) -> str:
    """The backend to run: the one wanted, or for ``'auto'`` the first that can be used here.

    Args:
        operator: its name, for the error.
        wanted: ``'auto'`` or a name among ``backends``.
        backends: name to None, or to what keeps it from running here (``'needs ..'``); the best
            comes first.

    Raises:
        BackendUnavailable: for a name that the operator does not have, one that cannot run here,
            or none that can. What is wanted by name is never replaced in silence.
    """
    usable = [name for name, lack in backends.items() if lack is None]
    if wanted == AUTO and usable:
        return usable[0]
    if wanted in usable:
        return wanted
    lacks = '; '.join(f'{name!r} {lack}' for name, lack in backends.items()
                      if lack is not None and wanted in (AUTO, name))
    if wanted != AUTO and not lacks:
        names = ', '.join(repr(name) for name in (AUTO, *backends))
        raise BackendUnavailable(f'{operator} has no backend {wanted!r}; choose one of {names}')
    way_out = f'; use {AUTO!r}' if usable else ''
    raise BackendUnavailable(f'{operator}: {lacks}{way_out}')

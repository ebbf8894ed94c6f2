"""References ``'module:attribute'``, and the modules of contracts: what imports, and only then."""
from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from importlib import import_module
from typing import Any

from sparse3d.errors import PluginError
from sparse3d.plugins.contracts import DataSet, Plugin


def load(reference: str) -> Any:
    """The object that a reference ``'module:attribute'`` names.

    Raises:
        PluginError: if it is not there, or importing it raises anything.
    """
    module, _, attribute = reference.partition(':')
    try:
        return getattr(import_module(module), attribute)
    except PluginError:
        raise
    except Exception as error:  # somebody else's code
        raise PluginError(f'{reference} cannot be loaded: {type(error).__name__}: '
                          f'{first_line(error)}; install what it belongs to anew') from error


def register(contracts: Iterable[Plugin | DataSet],
             on_error: Callable[[str, Exception], None] | None = None) -> list[str]:
    """Import the modules of contracts, so that configs may name what they register.

    Args:
        contracts: whose modules.
        on_error: called with the name and the error of one that cannot be imported; by
            default it is passed over.

    Returns:
        The names of those that were registered.
    """
    done = []
    for contract in contracts:
        try:
            for module in contract.modules:
                import_module(module)
        except Exception as error:  # somebody else's code: it must not disturb ours
            if on_error is not None:
                on_error(contract.name, error)
        else:
            done.append(contract.name)
    return done


def registered_attribute(package: str, name: str, public: Sequence[str]) -> Any:
    """The ``__getattr__`` of a plug-in's package, which thus stays light until it is used.

    Args:
        package: whose module ``register`` imports and holds all that is public.
        name: of the attribute.
        public: names of the package, its ``__all__``.

    Raises:
        AttributeError: for any other name.
    """
    if name not in public:
        raise AttributeError(f'module {package!r} has no attribute {name!r}')
    return getattr(import_module(f'{package}.register'), name)


def first_line(error: Exception) -> str:
    """What an error says, without what follows."""
    return (str(error).strip().splitlines() or ['no message'])[0]

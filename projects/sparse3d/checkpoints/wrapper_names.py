"""Names of weights without what parallel training and compiling put in front of them."""
from __future__ import annotations

from collections.abc import Collection, Iterable

from sparse3d.errors import CheckpointError

# What wrappers put in front of every name, once for each of them.
WRAPPER_PREFIXES = ('module.', '_orig_mod.')  # of parallel training; of torch.compile


def bare_name(name: str) -> str:
    """The name without the prefixes of wrappers."""
    while name.startswith(WRAPPER_PREFIXES):
        name = name.split('.', 1)[1]
    return name


def without_wrappers(names: Iterable[str]) -> dict[str, str]:
    """Names of tensors, and the same without the prefixes of wrappers, in any number and order.

    Raises:
        CheckpointError: if two names become one.
    """
    bare: dict[str, str] = {}
    taken: dict[str, str] = {}
    for name in names:
        short = bare_name(name)
        if short in taken:
            raise CheckpointError(f'the checkpoint holds {taken[short]} and {name}, the weights of '
                                  f'two models; save one of them as a file of its own')
        bare[name], taken[short] = short, name
    return bare


def common_prefix(names: Collection[str], wanted: Collection[str]) -> str:
    """What a wrapper of another name put in front of all weights of a model, or ''.

    Lightning's ``model.`` and a trainer's ``detector.`` are of this kind. Only where every name
    is one of the model without it, and none is one with it.

    Args:
        names: of the weights.
        wanted: names that the model has.
    """
    if not names or any(name in wanted for name in names):
        return ''
    first = next(iter(names))
    for place, character in enumerate(first, 1):
        prefix = first[:place]
        if character == '.' and all(name.startswith(prefix) and name[place:] in wanted
                                    for name in names):
            return prefix
    return ''

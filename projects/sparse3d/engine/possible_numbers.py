"""Numbers of a config that nobody can mean, refused before they end as a division or as nothing."""
from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from sparse3d.errors import ConfigError

RANGES = ('point_cloud_range', 'pc_range')
SIZES = ('voxel_size', )
COUNTS = ('val_interval', 'num_classes', 'max_epochs', 'max_iters', 'accumulative_counts',
          'base_batch_size')
LOADERS = ('train_dataloader', 'val_dataloader', 'test_dataloader')


def refuse_impossible(config: Mapping[str, Any]) -> None:
    """Refuse ranges that end before they begin, voxels without size, counts below one.

    Args:
        config: the parts that are about to be used; ``None`` stands for what is not given.

    Raises:
        ConfigError: naming the key, the value, and what is possible.
    """
    for key, value in _keys(config, ''):
        name = key.rpartition('.')[2]
        for names, possible, what in _RULES:
            if name in names and value is not None and not possible(value):
                raise ConfigError(f'{key} in the config is {value!r}; {what}')
    for loader in LOADERS:
        dataset = (config.get(loader) or {}).get('dataset') or {}
        if isinstance(dataset, Mapping) and dataset.get('pipeline', True) in ([], ()):
            raise ConfigError(f'{loader}.dataset.pipeline in the config is empty; its last step '
                              f'packs the sample for the model (Pack3DDetInputs, PackSample)')


def _keys(node: Any, place: str) -> Iterator[tuple[str, Any]]:
    if isinstance(node, Mapping):
        for key, value in node.items():
            yield f'{place}{key}', value
            yield from _keys(value, f'{place}{key}.')
    elif isinstance(node, list | tuple):
        for number, item in enumerate(node):
            if isinstance(item, Mapping | list | tuple):
                yield from _keys(item, f'{place}{number}.')


def _numbers(value: Any) -> list[float] | None:
    """Plain numbers; None for anything else, whose reader judges it."""
    if isinstance(value, list | tuple) and value and all(
            isinstance(item, int | float) and not isinstance(item, bool) for item in value):
        return list(value)
    return None


def _is_range(value: Any) -> bool:
    numbers = _numbers(value)
    if numbers is None or len(numbers) != 6:
        return True
    return all(map(math.isfinite, numbers)) and all(
        low < high for low, high in zip(numbers[:3], numbers[3:], strict=True))


def _are_sizes(value: Any) -> bool:
    numbers = _numbers(value)
    return numbers is None or all(math.isfinite(number) and number > 0 for number in numbers)


def _is_count(value: Any) -> bool:
    return not isinstance(value, bool | float | str) and (
        not isinstance(value, int) or value >= 1)


def _is_positive(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 < value < math.inf


def _is_limit(value: Any) -> bool:
    """``-1`` sets none."""
    values = value if isinstance(value, list | tuple) else [value]
    return all(not isinstance(item, int | float) or item == -1 or item >= 1 for item in values)


_RULES: tuple[tuple[tuple[str, ...], Callable[[Any], bool], str], ...] = (
    (RANGES, _is_range, 'it is x, y, z from and x, y, z to, each of the last three larger, meters'),
    (SIZES, _are_sizes, 'a voxel has a length above 0 along each axis, meters'),
    (COUNTS, _is_count, 'it is a whole number from 1'),
    (('max_norm', ), _is_positive, 'it is a number above 0'),
    (('max_voxels', 'max_num_points'), _is_limit,
     'it is a whole number from 1, or -1: no limit'),
)

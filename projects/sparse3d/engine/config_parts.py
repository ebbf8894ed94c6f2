"""The parts of a config that mmengine builds late, looked over before anything long starts.

A model is built at once, and says itself what it does not take. Optimizer, schedules, metrics,
hooks and data are built when a training begins, some after the first epoch: a wrong name in them
should not wait for that.
"""
from __future__ import annotations

from collections.abc import Callable, Iterator
from difflib import get_close_matches
from typing import Any

from mmengine.runner import EpochBasedTrainLoop, IterBasedTrainLoop
from torch.utils.data import DataLoader

from sparse3d.engine.config_options import arguments_of
from sparse3d.engine.registered import find_registered
from sparse3d.engine.registry_errors import near_names
from sparse3d.errors import ConfigError

Part = tuple[str, dict, Callable | None, frozenset[str]]
LOADERS = ('train_dataloader', 'val_dataloader', 'test_dataloader')
# What mmengine takes out of a dict before the rest goes to the class.
OF_LOADER = frozenset({'num_batch_per_epoch'})
OF_OPTIMIZER = frozenset({'paramwise_cfg', 'constructor'})
OF_SCHEDULE = frozenset({'convert_to_iter_based'})
OF_HOOK = frozenset({'priority'})
NOTHING: frozenset[str] = frozenset()


def check_parts(config: dict) -> None:
    """Refuse a name that nothing has registered, or an argument that nothing takes.

    Raises:
        ConfigError: naming the place in the config and the nearest name that exists.
    """
    for place, part, owner, taken_out in late_parts(config):
        if owner is None and isinstance(part.get('type'), str):
            owner = find_registered(part['type'])
            if owner is None:
                raise ConfigError(f'{place}.type in the config is {part["type"]!r}, a name that '
                                  f'nothing has registered{near_names(part["type"])}; a plug-in '
                                  f'is named in custom_imports')
        if owner is not None:
            for key in part.keys() - taken_out - {'type', '_scope_'}:
                _check_argument(place, key, owner, taken_out)


def late_parts(config: dict) -> Iterator[Part]:
    """(place, dict, what it is given to or None for its ``type``, other keys it may have)."""
    for name in LOADERS:
        loader = config.get(name) or {}
        if loader:
            yield name, loader, DataLoader, OF_LOADER
            yield from _typed(f'{name}.sampler', loader.get('sampler'))
            yield from _datasets(f'{name}.dataset', loader.get('dataset'))
    for name in ('val_evaluator', 'test_evaluator'):
        yield from _typed(name, config.get(name))
    wrapper = config.get('optim_wrapper') or {}
    yield from _typed('optim_wrapper', wrapper, OF_OPTIMIZER)
    yield from _typed('optim_wrapper.optimizer', wrapper.get('optimizer'))
    yield from _typed('param_scheduler', config.get('param_scheduler'), OF_SCHEDULE)
    for name, hook in (config.get('default_hooks') or {}).items():
        yield from _typed(f'default_hooks.{name}', hook, OF_HOOK)
    yield from _typed('custom_hooks', config.get('custom_hooks'), OF_HOOK)
    loop = config.get('train_cfg') or {}
    if loop and 'type' not in loop:
        kind = EpochBasedTrainLoop if loop.get('by_epoch', True) else IterBasedTrainLoop
        yield 'train_cfg', loop, kind, frozenset({'by_epoch'})


def _typed(place: str, node: Any, taken_out: frozenset[str] = NOTHING) -> Iterator[Part]:
    """A dict with a ``type``, or each of a list of them."""
    if isinstance(node, list | tuple):
        for number, item in enumerate(node):
            yield from _typed(f'{place}.{number}', item, taken_out)
    elif isinstance(node, dict) and isinstance(node.get('type'), str):
        yield place, node, None, taken_out


def _datasets(place: str, node: Any) -> Iterator[Part]:
    """A dataset with its pipeline, and those inside it."""
    if isinstance(node, list | tuple):
        for number, item in enumerate(node):
            yield from _datasets(f'{place}.{number}', item)
    elif isinstance(node, dict):
        yield from _typed(place, node)
        yield from _typed(f'{place}.pipeline', node.get('pipeline'))
        for inner in ('dataset', 'datasets'):
            yield from _datasets(f'{place}.{inner}', node.get(inner))


def _check_argument(place: str, key: str, owner: Callable, taken_out: frozenset[str]) -> None:
    """Refuse what ``owner`` cannot take; of what it may pass on, only what looks misspelt."""
    known, passes_on = arguments_of(owner)
    if key in known:
        return
    near = get_close_matches(key, known | taken_out, n=1, cutoff=0.75)
    if near or not passes_on:
        meant = f'; did you mean {near[0]!r}?' if near else ''
        raise ConfigError(f'{place} in the config has a key {key!r} that {owner.__name__} does not '
                          f'take{meant}')

"""Options of the command line that override a config: parsed, and checked against it."""
from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Sequence
from difflib import get_close_matches
from typing import Any

from mmengine.runner import EpochBasedTrainLoop, Runner, TestLoop, ValLoop
from torch.utils.data import DataLoader

from sparse3d.argument_objects import argument_objects_of
from sparse3d.engine.option_values import CommaText, parse_value
from sparse3d.engine.registered import find_registered
from sparse3d.errors import ConfigError
from sparse3d.ops.pruning_options import PruningOptions

# Keys that mmengine reads from a config beside the arguments of its Runner.
RUNNER_KEYS = {*inspect.signature(Runner.__init__).parameters} - {'self', 'cfg'} | {
    'custom_imports', 'model_wrapper_cfg', 'find_unused_parameters', 'sync_bn', 'runner_type',
    'activation_checkpointing', 'compile', 'pretrained_encoder'}

# Dicts without a ``type`` that are arguments of something known.
ARGUMENTS_OF = {
    'train_dataloader': DataLoader, 'val_dataloader': DataLoader, 'test_dataloader': DataLoader,
    'train_cfg': EpochBasedTrainLoop, 'val_cfg': ValLoop, 'test_cfg': TestLoop,
    'randomness': Runner.set_randomness,
}
# Groups of arguments that a part takes under some key whatever its class.
OF_EVERY = {'middle_encoder': {'pruning': PruningOptions}}
# Keys beside the arguments of an optimizer's wrapper: who builds it, and what for each parameter.
OF_THE_CONSTRUCTOR = ('constructor', 'paramwise_cfg')


def parse_options(texts: Sequence[str] | None, option: str = '--cfg-options') -> dict[str, Any]:
    """Read ``key.subkey=value`` texts as mmdet3d's tools do, and paths as they are given.

    Blanks, commas, apostrophes and backslashes of paths stay; see
    :func:`~sparse3d.engine.option_values.parse_value`.

    Args:
        option: that the texts were given to, for the sentence.

    Raises:
        ConfigError: if a text has no ``=``.
    """
    options = {}
    for text in texts or ():
        key, equals, value = text.partition('=')
        if not equals:
            raise ConfigError(f'{option} takes key=value, not {text!r}; '
                              f'quote values that contain blanks')
        options[key] = parse_value(value)
    return options


def as_the_config_has(config: Any, options: dict[str, Any]) -> dict[str, Any]:
    """Words with commas as the text they are where the config holds a text, else as a list."""
    meant = {}
    for key, value in options.items():
        if isinstance(value, CommaText):
            try:
                is_text = isinstance(value_at(config, key), str)
            except KeyError:
                is_text = False
            value = value.text if is_text else list(value)
        meant[key] = value
    return meant


def check_options(config: dict, options: dict[str, Any]) -> None:
    """Refuse an option whose key the config does not have and nothing in it accepts.

    A new key is accepted where a class named by ``type`` has such an argument, or
    the Runner, the data loader or the training loop have.

    Raises:
        ConfigError: naming the key and the nearest ones that exist.
    """
    for key in options:
        if not has_place(config, key):
            raise ConfigError(f'the config has no key {key!r}{did_you_mean(key, config)}')


def has_place(config: dict, key: str) -> bool:
    """Whether :func:`check_options` accepts a dotted key."""
    return _accepts(config, key.split('.'))


def value_at(config: Any, key: str) -> Any:
    """The value of a dotted key.

    Raises:
        KeyError: if the config does not have it.
    """
    for part in key.split('.'):
        if isinstance(config, list | tuple) and part.isdigit() and int(part) < len(config):
            config = config[int(part)]
        elif isinstance(config, dict) and part in config:
            config = config[part]
        else:
            raise KeyError(key)
    return config


def check_top_level(config: dict) -> None:
    """Refuse a top-level key that is nearly, but not quite, one that mmengine reads.

    Raises:
        ConfigError: naming both.
    """
    missing = sorted(RUNNER_KEYS - set(config))
    for key in config:
        near = [] if key in RUNNER_KEYS else get_close_matches(key, missing, n=1, cutoff=0.9)
        if near:
            raise ConfigError(f'the config has a key {key!r} that nothing reads; '
                              f'did you mean {near[0]!r}?')


def did_you_mean(key: str, config: dict) -> str:
    """The end of a sentence with the existing keys most like this one, or with nothing."""
    known = list(dotted_keys(config)) + sorted(RUNNER_KEYS)
    near = get_close_matches(key, known, n=3, cutoff=0.6)
    last = key.rsplit('.', 1)[-1]
    by_last = {name.rsplit('.', 1)[-1]: name for name in known}
    near += [by_last[name] for name in get_close_matches(last, list(by_last), n=2, cutoff=0.75)]
    near = list(dict.fromkeys(near))[:3]
    return f'; did you mean {" or ".join(map(repr, near))}?' if near else ''


def dotted_keys(node: Any, prefix: str = '') -> Iterator[str]:
    """All keys of nested dicts and lists, as ``model.backbone.depth`` or ``hooks.0.type``."""
    if isinstance(node, dict):
        items = node.items()
    elif isinstance(node, list | tuple) and any(isinstance(item, dict) for item in node):
        items = enumerate(node)
    else:
        return
    for key, value in items:
        yield f'{prefix}{key}'
        yield from dotted_keys(value, f'{prefix}{key}.')


def takes_argument(function: Callable, argument: str) -> bool:
    """Whether a function, or a class and its bases as far as they pass on, take an argument."""
    return argument in arguments_of(function)[0]


def arguments_of(function: Callable) -> tuple[set[str], bool]:
    """Names of the arguments of a function, or a class and its bases; whether it takes any name."""
    layers = [vars(layer).get('__init__') for layer in inspect.getmro(function)] \
        if inspect.isclass(function) else [function]
    names, passes_on = set(), True
    for layer in filter(inspect.isfunction, layers):
        parameters = inspect.signature(layer).parameters.values()
        names |= {parameter.name for parameter in parameters} - {'self', 'args', 'kwargs'}
        passes_on = any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters)
        if not passes_on:
            break
    return names, passes_on


def _accepts(node: Any, path: list[str], parent: str | None = None,
             fields: type | None = None) -> bool:
    """Whether a key has a place in a part of a config.

    Args:
        parent: key of the part.
        fields: dataclass of the part, where it is a group of arguments.
    """
    key, rest = path[0], path[1:]
    if isinstance(node, list | tuple):
        known = key.isdigit() and int(key) < len(node)
        return known and (not rest or _accepts(node[int(key)], rest))
    if not isinstance(node, dict):
        return node is None  # an option that was off is given its first values
    owner = ARGUMENTS_OF.get(parent) if parent in ARGUMENTS_OF else fields
    if parent in ('val_cfg', 'test_cfg') and 'type' in node:
        owner = None  # a loop of its own
    if owner is None and isinstance(node.get('type'), str):
        owner = find_registered(node['type'])
    group = argument_objects_of(owner).get(key) or OF_EVERY.get(parent, {}).get(key)
    if key in node:
        return not rest or _accepts(node[key], rest, key, group)
    if parent is None and key in RUNNER_KEYS:
        return True
    if key == 'num_batch_per_epoch' and ARGUMENTS_OF.get(parent) is DataLoader:
        return True  # mmengine takes it out before
    if parent == 'optim_wrapper' and key in OF_THE_CONSTRUCTOR and not rest:
        return True
    if group is not None:
        return not rest or _accepts({}, rest, key, group)
    return owner is not None and takes_argument(owner, key)

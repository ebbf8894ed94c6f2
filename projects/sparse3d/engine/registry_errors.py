"""The stack's errors about registry names and arguments, in one sentence."""
from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from difflib import get_close_matches
from types import TracebackType
from typing import Any, NoReturn

import mmdet3d.registry
from mmengine.registry import Registry

from sparse3d.errors import ConfigError, Sparse3DError

UNKNOWN_NAME = re.compile(r'(\S+) is not in the (?:(\S+?)::)?(.+?) registry')
WITHOUT_TYPE = re.compile(r'must contain the key "type", but got (.{0,80})')
UNKNOWN_ARGUMENT = re.compile(
    r"(\w+)(?:\.__init__)?\(\) got an unexpected keyword argument '(\w+)'")
MISSING_ARGUMENTS = re.compile(
    r'(\w+)(?:\.__init__)?\(\) missing \d+ required [\w-]+ arguments?: (.+)')
NO_DICT = re.compile(r'cfg should be a dict, .*? but got (.+)')


@contextmanager
def clear_registry_errors() -> Iterator[None]:
    """Turn an unknown ``type`` or argument of a config into a :class:`ConfigError`.

    Other errors pass unchanged.
    """
    try:
        yield
    except KeyError as error:
        _raise_as_config_error(error, _unknown_name(str(error.args[0]) if error.args else ''))
    except TypeError as error:
        from_config = _raised_in(error.__traceback__) == 'build_from_cfg'
        _raise_as_config_error(error, _wrong_arguments(str(error)) if from_config else None)


@contextmanager
def clear_value_errors(what: str, config: Any) -> Iterator[None]:
    """Turn a value that a part of PyTorch refuses into a :class:`ConfigError`.

    Errors of parts that were called by the part, a dataset for instance, pass unchanged.

    Args:
        what: the part, in words.
        config: of the part; its plain values are named, also those of the dict named ``optimizer``.
    """
    try:
        yield
    except (ValueError, TypeError) as error:
        if isinstance(error, Sparse3DError) or not _raised_by_torch(error.__traceback__):
            raise
        given = {**config, **(config.get('optimizer') or {})} if isinstance(config, dict) else {}
        values = ', '.join(f'{key}={value!r:.40}' for key, value in given.items()
                           if not isinstance(value, dict))
        raise ConfigError(f'the {what} cannot be built with {values}: {error}') from error


def _raised_by_torch(traceback: TracebackType) -> bool:
    while traceback.tb_next is not None:
        traceback = traceback.tb_next
    return str(traceback.tb_frame.f_globals.get('__name__', '')).startswith('torch.')


def _raise_as_config_error(error: Exception, sentence: str | None) -> NoReturn:
    if sentence is None:
        raise error
    raise ConfigError(sentence) from error


def _raised_in(traceback: TracebackType) -> str:
    """Name of the innermost function of a traceback."""
    while traceback.tb_next is not None:
        traceback = traceback.tb_next
    return traceback.tb_frame.f_code.co_name


def _unknown_name(message: str) -> str | None:
    if match := UNKNOWN_NAME.search(message):
        name = match[1].strip('\'"')
        return (f'the config names type={name!r}, which is not a registered {match[3]}'
                f'{near_names(name)}; a plug-in is named in custom_imports')
    if match := WITHOUT_TYPE.search(message):
        return f'a part of the config says no type: {match[1]}; give it the type it is of'
    return None


def _wrong_arguments(message: str) -> str | None:
    if match := UNKNOWN_ARGUMENT.search(message):
        owner, argument = match.groups()
        return f'the config gives {owner} an option {argument!r} that it does not have'
    if match := MISSING_ARGUMENTS.search(message):
        owner, arguments = match.groups()
        return f'the config gives {owner} no {arguments}, which it needs'
    if match := NO_DICT.search(message):
        return f'a part of the config is no dict with a type but {match[1]}'
    return None


def near_names(name: str) -> str:
    """Registered names like this one, as the middle of a sentence, or nothing."""
    near = get_close_matches(name.rsplit('.', 1)[-1], registered_names(), n=3, cutoff=0.7)
    return f' (did you mean {" or ".join(map(repr, near))}?)' if near else ''


def registered_names() -> list[str]:
    """Every name that the registries of mmdet3d and their parents hold."""
    names: set[str] = set()
    for registry in vars(mmdet3d.registry).values():
        while isinstance(registry, Registry):
            names.update(registry.module_dict)
            registry = registry.parent
    return sorted(names)

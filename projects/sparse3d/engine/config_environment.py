"""Environment variables in configs: ``'{{$NAME:default}}'`` with any value.

mmengine puts a value into the text of the config as it is, by way of a template of regular
expressions: an apostrophe ends the string there, a backslash is taken for an escape.
"""
from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_USED = re.compile(r'\{\{[\'"]?\s*\$(\w+)\s*:')
_SPECIAL = re.compile(r'[\\\'"\n\r\t]')


@contextmanager
def escaped_environment(config: Path) -> Iterator[None]:
    """While a config is read, quotes and backslashes of the variables it may use are escaped.

    ``\\uXXXX`` means the same in the strings of Python, JSON and, in double quotes, YAML. The
    variables have their own values again afterwards.

    Args:
        config: whose folder and those above name what may be a base of it.
    """
    names = _variables(config, set())
    before = {name: os.environ[name] for name in names if _SPECIAL.search(os.environ.get(name, ''))}
    for name, value in before.items():
        # Twice a backslash: mmengine's template takes one away.
        os.environ[name] = _SPECIAL.sub(lambda found: f'\\\\u{ord(found[0]):04x}', value)
    try:
        yield
    finally:
        os.environ.update(before)


def _variables(config: Path, seen: set[Path]) -> set[str]:
    """Names in a config and in the files it names, as far as they are there."""
    config = config.resolve()
    if config in seen or not config.is_file():
        return set()
    seen.add(config)
    text = config.read_text('utf-8', errors='replace')
    names = set(_USED.findall(text))
    for base in re.findall(r'[\'"]?([\w./\\-]+\.(?:py|json|ya?ml))[\'"]?', text):
        names |= _variables(config.parent / base, seen)
    return names

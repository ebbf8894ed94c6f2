"""The table of a plug-in's published quirks in its README, made from the fields.

It stands between two comments, which stay::

    <!-- published: sparsebev -->
    ...
    <!-- end of table -->
"""
from __future__ import annotations

import re
from dataclasses import fields

from sparse3d.errors import PluginError
from sparse3d.plugins import load, plugin
from sparse3d.published import PublishedSet

BLOCK = re.compile(r'(<!-- published: (?P<name>\w+) -->\n).*?(<!-- end of table -->)', re.DOTALL)
HEAD = ('| field of `model.published` | published | new training |', '| --- | --- | --- |')


def fill_published_tables(text: str) -> str:
    """The text with every table of published quirks made anew.

    Raises:
        PluginError: for a plug-in that is not installed or has no quirks.
    """
    return BLOCK.sub(lambda match: match[1] + _table(match['name']) + match[3], text)


def _table(name: str) -> str:
    reference = plugin(name).published
    if reference is None:
        raise PluginError(f'the plug-in {name} has no published quirks; take its table out')
    return rows_of(load(reference))


def rows_of(kind: type[PublishedSet]) -> str:
    """The table of a dataclass: a line for each field."""
    rows = [f'| `{each.name}` | {each.metadata["does"]} | {each.metadata["right"]} |'
            for each in fields(kind)]
    return '\n'.join([*HEAD, *rows, ''])

"""Published quirks that were loose options before: from where they stood to ``model.published``.

Where each one stood, its field says (``was`` of :func:`sparse3d.published.quirk`).
"""
from __future__ import annotations

import copy
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields
from typing import Any

from sparse3d.checkpoints.options import PLACE, published_sets

# Options of the first days that are no quirks by their names, and are gone.
GONE = ('merge_background', 'importance_target')
# (old dotted key, field, value that meant on, or ``...`` where it is taken over) of quirks.
Moves = Sequence[tuple[str, str, Any]]


def moves(names: Iterable[str] | None = None) -> Moves:
    """Where quirks stood before; of plug-ins by name, or of all that are installed."""
    wanted = None if names is None else set(names)
    return [(key, each.name, value) for name, kind in published_sets().items()
            if wanted is None or name in wanted for each in fields(kind)
            for key, value in each.metadata.get('was', {}).items()]


def move_options(options: Mapping[str, Any], quirks: Moves, changes: dict[str, None],
                 ) -> dict[str, Any]:
    """Options of a checkpoint with the quirks under ``model.published``."""
    table = {key: (name, on) for key, name, on in quirks}
    moved, kept = dict(options.get(PLACE) or {}), {}
    for key, value in options.items():
        inner = value if isinstance(value, Mapping) and key != PLACE else None
        leaves = {key: value} if inner is None else {
            f'{key}.{name}': item for name, item in inner.items()}
        for leaf, item in leaves.items():
            if leaf in table:
                _move(leaf, item, *table[leaf], moved, changes)
            elif key != PLACE:
                if inner is None:
                    kept[key] = value
                else:
                    kept.setdefault(key, {})[leaf.removeprefix(f'{key}.')] = item
    return {**kept, PLACE: moved} if moved else kept


def move_in_config(config: Mapping[str, Any], quirks: Moves, changes: dict[str, None],
                   ) -> dict[str, Any]:
    """A config with the quirks under ``model.published``; the given one stays as it is."""
    config, moved = copy.deepcopy(dict(config)), {}
    for key, name, on in quirks:
        *parents, last = key.split('.')
        if not last.startswith('published_') and last not in GONE:
            continue  # still an option
        node: Any = config
        for part in parents:
            if isinstance(node, list | tuple) and part.isdigit() and int(part) < len(node):
                node = node[int(part)]
            else:
                node = node.get(part) if isinstance(node, Mapping) else None
        if isinstance(node, dict) and last in node:
            _move(key, node.pop(last), name, on, moved, changes)
    model = config.get('model')
    if moved and isinstance(model, dict):
        model['published'] = {**(model.get('published') or {}), **moved}
    return config


def _move(key: str, value: Any, name: str, on: Any, moved: dict[str, Any],
          changes: dict[str, None]) -> None:
    """Take one quirk over, if it was on."""
    changes[f'{key} -> {PLACE}.{name}'] = None
    if on is ... and value is not None:
        moved[name] = value
    elif value == on:
        moved[name] = True

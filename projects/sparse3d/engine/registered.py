"""Classes and functions by the name that a ``type`` in a config gives them."""
from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import mmdet3d.registry
from mmengine.registry import Registry


def find_registered(name: str) -> Callable | None:
    """The class or function that a ``type`` in a config names (``'mmdet.ResNet'``), or None."""
    bare = name.rpartition('.')[2]
    roots = {id(root): root for root in map(_root, vars(mmdet3d.registry).values()) if root}
    for root in roots.values():
        for registry in _family(root):
            if bare in registry.module_dict:
                return registry.module_dict[bare]
    return None


def _root(registry: Any) -> Registry | None:
    while isinstance(registry, Registry) and registry.parent is not None:
        registry = registry.parent
    return registry if isinstance(registry, Registry) else None


def _family(registry: Registry) -> Iterator[Registry]:
    yield registry
    for child in registry.children.values():
        yield from _family(child)

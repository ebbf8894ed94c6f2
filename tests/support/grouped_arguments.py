"""Arguments of a class written side by side, for tests that change one at a time."""
from __future__ import annotations

import inspect
from dataclasses import fields
from typing import Any

from sparse3d.argument_objects import argument_objects_of


def grouped(kind: type, **flat: Any) -> dict[str, Any]:
    """Arguments of a class, the fields of its argument objects in their groups.

    Raises:
        TypeError: for a name that is neither an argument nor a field of exactly one group.
    """
    own, found = set(inspect.signature(kind).parameters), {}
    for name, value in flat.items():
        groups = [group for group, options in argument_objects_of(kind).items()
                  if name in {each.name for each in fields(options)}]
        if name in own or name == 'type':
            found[name] = {**found[name], **value} if name in found else value
        elif len(groups) == 1:
            found.setdefault(groups[0], {})[name] = value
        else:
            raise TypeError(f'{kind.__name__} has {len(groups)} places for {name}')
    return found

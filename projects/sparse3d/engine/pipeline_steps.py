"""Pipelines made from others by what differs, for config files: steps are found by their type.

    _base_ = ['nuscenes_lidar.py']
    from sparse3d.engine.pipeline_steps import changed

    train_pipeline = changed(_base_.train_pipeline, AugmentScene=dict(rotation=[-0.3, 0.3]))

``_base_`` has to stand above the import: mmengine takes a file that begins with imports for one of
its other kind of configs.
"""
from __future__ import annotations

import copy
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import sparse3d.transforms  # noqa: F401  (its argument objects are known only then)
from sparse3d.argument_objects import argument_objects_of
from sparse3d.engine.registered import find_registered
from sparse3d.errors import ConfigError

Step = Mapping[str, Any]


def changed(pipeline: Sequence[Step], **changes: Mapping[str, Any]) -> list[dict]:
    """A pipeline whose steps have other arguments.

    Args:
        pipeline: stays as it is.
        changes: type of a step -> arguments that all steps of this type get; None takes an
            argument out. Of an argument object (:mod:`sparse3d.argument_objects`) only the fields
            that are named change.

    Raises:
        ConfigError: if there is no step of a type.
    """
    steps = copy.deepcopy(list(pipeline))
    for kind, arguments in changes.items():
        groups = argument_objects_of(find_registered(kind))
        for step in _of_type(steps, kind):
            _change(step, arguments, groups)
    return steps


def _change(step: dict, arguments: Mapping[str, Any], groups: Iterable[str] = ()) -> None:
    for name, value in arguments.items():
        if value is None:
            step.pop(name, None)
        elif name in groups and isinstance(step.get(name), Mapping):
            step[name] = dict(step[name])
            _change(step[name], value)
        else:
            step[name] = copy.deepcopy(value)


def replaced(pipeline: Sequence[Step], **steps: Step | Sequence[Step]) -> list[dict]:
    """A pipeline with other steps, one or several, in the place of the step of a type; an empty
    list leaves it out.

    Raises:
        ConfigError: if there is not exactly one step of the type.
    """
    found = copy.deepcopy(list(pipeline))
    for kind, new in steps.items():
        (old, ) = _of_type(found, kind, once=True)
        place = next(number for number, step in enumerate(found) if step is old)
        found[place:place + 1] = copy.deepcopy([new] if isinstance(new, Mapping) else list(new))
    return found


def inserted_after(pipeline: Sequence[Step], **steps: Step | Sequence[Step]) -> list[dict]:
    """A pipeline with more steps, one or several, behind the step of a type.

    Raises:
        ConfigError: if there is not exactly one step of the type.
    """
    return replaced(pipeline, **{
        kind: [*_of_type(pipeline, kind, once=True),
               *([new] if isinstance(new, Mapping) else new)] for kind, new in steps.items()})


def _of_type(pipeline: Sequence[Step], kind: str, once: bool = False) -> list[Any]:
    found = [step for step in pipeline if step['type'] == kind]
    if not found or once and len(found) > 1:
        names = ', '.join(step['type'] for step in pipeline)
        raise ConfigError(f'the pipeline has {len(found) or "no"} steps {kind}; its steps are '
                          f'{names}')
    return found

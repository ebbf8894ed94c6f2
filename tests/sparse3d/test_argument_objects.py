"""Groups of arguments as dataclasses, and which registered classes have them."""
from __future__ import annotations

import csv
import gc
import inspect
from dataclasses import dataclass, fields
from pathlib import Path

import pytest
from mmdet3d.models.middle_encoders import SparseEncoder
from mmengine.registry import Registry

import sparse3d.register  # noqa: F401
from sparse3d.argument_objects import argument_object, argument_objects_of, defaults_of
from sparse3d.checkpoints.renamed_names import RENAMES
from sparse3d.errors import ConfigError
from sparse3d.plugins import data_sets, plugins, register

register([*plugins().values(), *data_sets().values()])
ROOT = Path(__file__).resolve().parents[2]
OURS = ('sparse3d', *(module.partition('.')[0] for owner in plugins().values()
                      for module in owner.modules))
# What mmengine or the detector gives, and no config writes beside the rest.
OF_THE_FRAMEWORK = {'self', 'init_cfg', 'train_cfg', 'test_cfg', 'data_preprocessor', 'prefix',
                    'collect_device', 'published'}
# Stands in for a class of mmdet3d and takes its arguments as well.
STANDS_FOR = {'FocalSparseEncoder': SparseEncoder}
REASONS = {'SparseDenseFusion': 'ten parts, each a config of its own, as mmdet3d has them',
           'SparseBEVHead': 'how queries begin is a part of its own beside eight groups',
           'SparseFusion': 'seven parts, each a config of its own, as mmdet3d has them',
           'TransFusionHead': 'how queries begin is a part of its own beside eight groups',
           'TwoStageVoxelDetector': 'nine parts, each a config of its own, as mmdet3d has them'}
TABLES = [RENAMES, *(owner.renames for owner in [*data_sets().values(), *plugins().values()])]


def registered() -> dict[str, type]:
    """Our classes by the name that a config gives them."""
    return {kind.__name__: kind for registry in gc.get_objects() if isinstance(registry, Registry)
            for kind in registry.module_dict.values()
            if inspect.isclass(kind) and kind.__module__.partition('.')[0] in OURS}


def own_arguments(kind: type) -> list[str]:
    """Arguments that neither the framework gives nor a class of somebody else has as well."""
    others = [base for base in kind.__mro__ if base.__module__.partition('.')[0] not in OURS]
    if kind.__name__ in STANDS_FOR:
        others.append(STANDS_FOR[kind.__name__])
    known = {name for base in others if inspect.isfunction(vars(base).get('__init__'))
             for name in inspect.signature(base.__init__).parameters}
    return [name for name, value in inspect.signature(kind.__init__).parameters.items()
            if name not in OF_THE_FRAMEWORK | known
            and value.kind not in (value.VAR_KEYWORD, value.VAR_POSITIONAL)]


@dataclass(frozen=True)
class Corner:
    width: int
    color: str = 'red'


class Table:
    argument_objects = dict(corner=Corner)


def test_a_group_is_a_dataclass_or_one_sentence():
    assert argument_object(Table(), 'corner', dict(width=3)) == Corner(3)
    assert argument_object(Table, 'corner', Corner(2, 'blue')) == Corner(2, 'blue')
    assert defaults_of(Corner) == dict(color='red') and argument_objects_of(Corner) == {}
    for given, words in ((dict(width=1, colour='blue'), "corner of Table has no 'colour'; did you "
                          r"mean 'color'\? \(it takes width, color\)"),
                         (None, 'corner of Table lacks width'),
                         ([3], r'corner of Table is \[3\]; give a dict with width, color')):
        with pytest.raises(ConfigError, match=words):
            argument_object(Table(), 'corner', given)


def test_more_than_eight_arguments_are_groups():
    classes = registered()
    assert len(classes) > 80 and len(own_arguments(classes['FocalSparseEncoder'])) == 5
    assert {name for name, kind in classes.items() if len(own_arguments(kind)) > 8} == set(REASONS)


def test_groups_are_arguments_and_no_field_stands_twice():
    for name, kind in registered().items():
        arguments = set(inspect.signature(kind.__init__).parameters)
        for group, options in argument_objects_of(kind).items():
            assert group in arguments, f'{name}.{group}'
            assert all(each.name.isidentifier() for each in fields(options))


def test_every_option_that_moved_is_where_the_tables_say():
    classes, moved = registered(), 0
    with (ROOT / 'docs/renames.csv').open(newline='') as lines:
        written = {(row['old'], row['new']) for row in csv.DictReader(lines)}
    for table in TABLES:
        for (kind, old), new in table.moved_options.items():
            group, _, name = new.partition('.')
            options = argument_objects_of(classes[kind])[group]
            assert name in {each.name for each in fields(options)}
            assert old not in inspect.signature(classes[kind].__init__).parameters
            assert (f'{kind}.{old}', new) in written
            moved += 1
        for kind, old in table.options_of_types:  # an old name is never the name of a group
            assert old not in argument_objects_of(classes.get(kind))
    assert moved > 90

"""Configs that come as data: the text in a checkpoint, a YAML or JSON file.

mmengine runs such a text as a program, imports every module of ``custom_imports`` and every
dotted ``type``, and some classes evaluate a text they are given. From data only this is taken:
literals and ``dict(...)``; a ``type`` that mmengine, mmdet, mmdet3d, Sparse3D or an installed
plug-in has registered; plug-ins that are installed.
"""
from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from contextlib import suppress
from functools import lru_cache
from importlib import import_module
from typing import Any

from mmengine.registry import Registry, root

from sparse3d.errors import ConfigError
from sparse3d.plugins import data_sets, plugins

SCOPES = ('mmengine', 'mmcv', 'mmdet', 'mmdet3d')
# What mmcv looks up among its own functions where a config says `nms=dict(type=...)`.
SUPPRESSIONS = ('nms', 'soft_nms', 'nms_match', 'nms_rotated', 'nms_quadri')
# Arguments that a class of mmdet or mmdet3d evaluates; names may stand there, nothing else.
EVALUATED = ('seg_3d_dtype', 'warp_mode', 'ops')
NAMES_ONLY = re.compile(r'[\w.]*')
# Arguments that a class of mmdet reads as a config file, which may be a program.
CONFIG_FILES = ('teacher_config', )
# Arguments that mmdet3d's WaymoMetric writes into a line for the shell.
OF_THE_SHELL = ('waymo_bin_file', 'pklfile_prefix', 'result_prefix')
TEMPLATE = '{{'  # mmengine puts other text into a config there before it runs it
TYPE_KEYS = ('type', 'constructor', 'runner_type')
SCOPE_KEYS = ('_scope_', 'default_scope')  # mmengine imports `<scope>.registry`
TAKEN = ('model', 'test_pipeline', 'class_names', 'frames', 'default_scope', 'custom_imports')
PATHS = ('init_cfg', 'pretrained', 'checkpoint', 'load_from', 'data_root', 'ann_file',
         'data_prefix', 'db_sampler', 'backend_args')
MAX_VALUES = 1_000_000
A_PATH = re.compile(r'[\w./-]*')  # converted checkpoints name their config
# Where checkpoints of mmengine keep texts that it runs as programs.
TEXTS = (('meta', 'cfg'), ('meta', 'config'), ('message_hub', 'runtime_info', 'cfg'))


def stored_config(text: str) -> dict[str, Any]:
    """What a config text in a checkpoint says of the model: data, nothing is run.

    Returns:
        Of ``model``, ``test_pipeline``, ``class_names``, ``frames`` (of a video),
        ``default_scope`` and ``custom_imports`` those that are there, without ``init_cfg`` and
        other places that name files: the weights are in the checkpoint. A test data loader
        gives frames, and pipeline and classes where the text does not name them. Hooks and
        data are left out.

    Raises:
        ConfigError: if the text is more than data, or names something that is not registered.
    """
    config = read_literals(text)
    dataset = _test_dataset(config)
    if 'pipeline' in dataset:
        config.setdefault('test_pipeline', dataset['pipeline'])
    if classes := _table(dataset, 'metainfo').get('classes'):
        config.setdefault('class_names', classes)
    config.pop('frames', None)  # what counts is what the test dataset was given
    if 'frames' in dataset:
        config['frames'] = dataset['frames']
    taken = {key: _without_paths(config[key]) for key in TAKEN if key in config}
    check_data_config(taken, 'the config in the checkpoint')
    return taken


def check_data_config(config: dict[str, Any], source: str) -> None:
    """Refuse a config that would import or call what is not registered; import its plug-ins.

    Raises:
        ConfigError: naming the place and the value.
    """
    imports = config.get('custom_imports') or {}
    modules = imports.get('imports') or [] if isinstance(imports, dict) else imports
    for module in modules if isinstance(modules, list | tuple) else [modules]:
        if not isinstance(module, str) or not is_plug_in(module):
            raise ConfigError(f'{source} imports {module!r}, which is no installed plug-in of '
                              'Sparse3D; a config that comes as data imports no other module')
        import_module(module)
    for place, key, value in texts_of(config, source):
        if key in SCOPE_KEYS and value not in SCOPES:
            raise ConfigError(f'{source} gives {place}={value!r}; the scopes are '
                              f'{", ".join(SCOPES)}')
        if key in TYPE_KEYS and not _is_registered(value):
            raise ConfigError(f'{source} names {place}={value!r}, which nothing has registered; '
                              'a config that comes as data names registered types only')
        if key in EVALUATED and not NAMES_ONLY.fullmatch(value):
            raise ConfigError(f'{source} gives {place}={value!r}, which would be run as a '
                              'program; only a name may stand there')
        if key in CONFIG_FILES:
            raise ConfigError(f'{source} gives {place}={value!r}, a file that may be a program; '
                              'write what it says in its place')
        if key in OF_THE_SHELL and not A_PATH.fullmatch(value):
            raise ConfigError(f'{source} gives {place}={value!r}, which goes to the shell; only '
                              'letters, digits and . / _ - may stand there')


def read_literals(text: str) -> dict[str, Any]:
    """Assignments of a Python text whose values are literals or ``dict(...)`` of them.

    Raises:
        ConfigError: for anything else, naming the line.
    """
    try:
        statements = ast.parse(text).body
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise ConfigError(f'the config in the checkpoint is no config text: '
                          f'{error or type(error).__name__}') from error
    config = {}
    for statement in statements:
        simple = isinstance(statement, ast.Assign) and len(statement.targets) == 1 and isinstance(
            statement.targets[0], ast.Name)
        if not simple or statement.targets[0].id.startswith('_'):
            raise _not_data(statement)
        config[statement.targets[0].id] = _literal(statement.value)
    return config


def leave_out_programs(content: Any) -> Any:
    """Empty the config texts of a checkpoint that are more than data; returns the checkpoint.

    They are of no use to who loads the weights, so that the checkpoint is not refused.
    """
    for *path, last in TEXTS:
        holder = content
        for key in path:
            holder = holder.get(key) if isinstance(holder, dict) else None
        text = holder.get(last) if isinstance(holder, dict) else None
        if isinstance(text, str) and not A_PATH.fullmatch(text):
            try:
                if TEMPLATE in text:
                    raise ConfigError('the config in the checkpoint is a template')
                check_data_config(read_literals(text), 'the config in the checkpoint')
            except ConfigError as error:
                reason = ' '.join(str(error).replace('{', '(').split())
                holder[last] = f'# left out: {reason}\n'
    return content


def is_plug_in(module: str) -> bool:
    """Whether a module registers Sparse3D or an installed plug-in or data set, by its contract."""
    contracts = [*plugins().values(), *data_sets().values()]
    return module == 'sparse3d.register' or any(module in owner.modules for owner in contracts)


def texts_of(node: Any, source: str = 'the config') -> Iterator[tuple[str, str, str]]:
    """(place, key, text) of every text under a key, also those in lists; bounded in number."""
    waiting, seen = [('', '', node)], 0
    while waiting:
        place, key, value = waiting.pop()
        seen += 1
        if seen > MAX_VALUES:
            raise ConfigError(f'{source} holds more than {MAX_VALUES:,} values')
        if isinstance(value, str):
            yield place, key, value
        elif isinstance(value, dict):
            waiting += [(f'{place}.{name}' if place else str(name), name, item)
                        for name, item in value.items()]
        elif isinstance(value, list | tuple | set):
            waiting += [(f'{place}.{number}', key, item) for number, item in enumerate(value)]


_NAMED_TYPES: set[str] = set()


def know_type(name: str) -> None:
    """Take a name behind ``type`` for registered that no registry of mmengine holds."""
    _NAMED_TYPES.add(name)


def _is_registered(name: str) -> bool:
    scope, dot, bare = name.rpartition('.')
    if dot and scope not in SCOPES:
        return False
    return bare in SUPPRESSIONS or bare in _NAMED_TYPES or any(
        bare in registry.module_dict for registry in _registries())


def _registries() -> Iterator[Registry]:
    _fill_registries()
    waiting = [registry for registry in vars(root).values() if isinstance(registry, Registry)]
    while waiting:
        registry = waiting.pop()
        yield registry
        waiting += registry.children.values()


@lru_cache(maxsize=1)
def _fill_registries() -> None:
    """Import what the registries of mmdet3d and their parents name, as building would."""
    import mmdet3d.registry
    for registry in vars(mmdet3d.registry).values():
        while isinstance(registry, Registry):
            for family in (registry, *registry.children.values()):
                with suppress(ImportError):  # places that a release names and does not have
                    family.import_from_location()
            registry = registry.parent


def _literal(node: ast.expr) -> Any:
    if isinstance(node, ast.Call):
        of_dicts = len(node.args) <= 1 and all(isinstance(arg, ast.Dict) for arg in node.args)
        if not isinstance(node.func, ast.Name) or node.func.id != 'dict' or not of_dicts \
                or any(keyword.arg is None for keyword in node.keywords):
            raise _not_data(node)
        return {**(_literal(node.args[0]) if node.args else {}),
                **{keyword.arg: _literal(keyword.value) for keyword in node.keywords}}
    if isinstance(node, ast.List | ast.Tuple):
        return {ast.List: list, ast.Tuple: tuple}[type(node)](map(_literal, node.elts))
    if isinstance(node, ast.Name) and node.id in ('inf', 'nan'):  # as mmengine writes them
        return float(node.id)
    try:
        if isinstance(node, ast.Dict) and None not in node.keys:
            return {_literal(key): _literal(value)
                    for key, value in zip(node.keys, node.values, strict=True)}
        if isinstance(node, ast.Set):
            return set(map(_literal, node.elts))
        return ast.literal_eval(node)  # a number, a text, a truth value
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        raise _not_data(node) from None


def _not_data(node: ast.AST) -> ConfigError:
    return ConfigError(f'the config in the checkpoint is more than data: '
                       f'{" ".join(ast.unparse(node).split())[:80]!r} in line {node.lineno}')


def _test_dataset(config: dict[str, Any]) -> dict[str, Any]:
    dataset = _table(_table(config, 'test_dataloader'), 'dataset')
    while isinstance(dataset.get('dataset'), dict):
        dataset = dataset['dataset']
    return dataset


def _table(holder: dict[str, Any], key: str) -> dict[str, Any]:
    """The dict under a key; empty if there is none, or None."""
    table = holder.get(key)
    if table is not None and not isinstance(table, dict):
        raise ConfigError(f'the config in the checkpoint gives {key}={table!r:.80}, which is no '
                          'dict')
    return table or {}


def _without_paths(node: Any) -> Any:
    if isinstance(node, dict):
        return {key: _without_paths(value) for key, value in node.items() if key not in PATHS}
    if isinstance(node, list | tuple):
        return type(node)(_without_paths(item) for item in node)
    return node

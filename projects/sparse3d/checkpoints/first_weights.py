"""The files that a training takes its first weights from, looked for before it starts."""
from __future__ import annotations

import copy
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sparse3d.errors import ConfigError, Sparse3DWarning


def check_first_weights(model: dict) -> None:
    """Refuse a model whose ``init_cfg`` names a file that is not there.

    Args:
        model: the ``model`` of a config; addresses (``https://``, ``torchvision://``) are
            left to mmengine.

    Raises:
        ConfigError: naming the file, the key and the two ways out.
    """
    for key, path in pretrained_files(model, 'model'):
        if '://' not in path and not Path(path).is_file():
            raise ConfigError(
                f'{path}, which {key} takes its first weights from, does not exist; put the file '
                f'there, name another with --cfg-options {key}.checkpoint=FILE, or start from '
                f'random weights with {key}=None')


def without_absent_files(model: dict) -> dict:
    """The ``model`` of a config without each ``init_cfg`` whose file is not there, which is said.

    For a model that is built to look at, without a checkpoint: what it names stays as the layers
    initialize it.
    """
    model = copy.deepcopy(model)
    for key, path in list(pretrained_files(model, 'model')):
        if '://' not in path and not Path(path).is_file():
            warnings.warn(f'{path}, which {key} takes its first weights from, does not exist: '
                          f'these weights are random as well', Sparse3DWarning, stacklevel=2)
            *way, last = key.split('.')[1:]
            node = model
            for step in way:
                node = node[int(step) if isinstance(node, list | tuple) else step]
            node[last] = None
    return model


def pretrained_files(node: Any, place: str) -> Iterator[tuple[str, str]]:
    """(key of the config, file or address) of every ``init_cfg`` of type ``Pretrained``."""
    if isinstance(node, dict):
        for name, value in node.items():
            if isinstance(value, dict) and value.get('type') == 'Pretrained':
                yield f'{place}.{name}', str(value.get('checkpoint'))
            else:
                yield from pretrained_files(value, f'{place}.{name}')
    elif isinstance(node, list | tuple):
        for number, value in enumerate(node):
            yield from pretrained_files(value, f'{place}.{number}')

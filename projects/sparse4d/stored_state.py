"""What a stream remembers, in a file: the instances of its last frame."""
from __future__ import annotations

from collections.abc import Hashable
from os import PathLike
from pathlib import Path
from typing import Any

import torch

from sparse3d.atomic_files import atomic_file
from sparse3d.compat.checkpoint_loading import load_checkpoint_file
from sparse3d.errors import CheckpointError, DataError
from sparse4d.instance_bank import TENSORS, BankState

KIND = 'sparse4d instances'


def save_state(path: str | PathLike, state: Any, scene: Hashable = None) -> None:
    """Write a state.

    Raises:
        DataError: for anything but a :class:`BankState`, or a scene whose name is no text or
            number.
    """
    if not isinstance(state, BankState):
        raise DataError('nothing is remembered yet: save after a frame' if state is None else
                        'this head remembers the images of frames, which are not saved; start the '
                        'stream anew and give it the last frames again')
    if not isinstance(scene, str | int | None):
        raise DataError(f'the scene {scene!r:.60} has no name that can be written; name scenes by '
                        f'a text or a number')
    content = dict(kind=KIND, scene=scene, next_id=state.next_id, scenes=state.scenes,
                   **{name: getattr(state, name) for name in TENSORS})
    with atomic_file(Path(path)) as stream:
        torch.save(content, stream)


def load_state(path: str | PathLike, device: torch.device | str = 'cpu'
               ) -> tuple[BankState, Hashable]:
    """The state and the scene that :func:`save_state` wrote.

    Raises:
        DataError: if the file is missing, damaged or another one.
    """
    try:
        content = load_checkpoint_file(path, 'cpu')
    except (OSError, CheckpointError) as error:
        raise DataError(f'{path} holds no state of a stream: {error}') from error
    if not isinstance(content, dict) or content.get('kind') != KIND:
        raise DataError(f'{path} holds no state of a stream; give a file that stream.save() wrote')
    absent = [name for name in (*TENSORS, 'next_id', 'scenes', 'scene') if name not in content]
    if absent:
        raise DataError(f'{path} lacks {absent[0]} of the state of a stream; save it again')
    on_device = {name: None if content[name] is None else content[name].to(device)
                 for name in ('features', 'anchors', 'confidence', 'ids')}
    scenes = content['scenes']
    return BankState(**on_device, timestamps=content['timestamps'],
                     lidar2global=content['lidar2global'], next_id=content['next_id'],
                     scenes=None if scenes is None else tuple(scenes)), content['scene']

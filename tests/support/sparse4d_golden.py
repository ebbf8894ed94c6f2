"""The published Sparse4D of the stored outputs: weights, frames, feature maps."""
from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from mmdet3d.registry import MODELS
from mmengine.registry import init_default_scope
from torch import Tensor

import sparse4d.register  # noqa: F401
from sparse3d.structures.cameras import Cameras
from sparse4d.frame import Frame
from sparse4d.frames_head import Sparse4DFramesHead
from sparse4d.head import Sparse4DHead
from sparse4d.published_checkpoint import QUIRKS, convert
from sparsebev_published import filled, published_state

IMAGE_SIZE = (64, 192)
LEVELS = ((8, 24), (4, 12), (2, 6), (1, 3))


def arrays(folder: Path, *names: str) -> dict[str, Tensor]:
    """All arrays of npz files; of equal names the later ones."""
    found = {}
    for name in names:
        with np.load(folder / f'{name}.npz') as stored:
            found.update({key: torch.from_numpy(np.array(stored[key])) for key in stored})
    return found


def head_of(folder: Path, version: str, **quirks: bool) -> Sparse4DHead | Sparse4DFramesHead:
    """A head of a stored listing with its weights, as the converter gives them."""
    listing = folder / ('state.json' if version == 'v3' else f'state_{version}.json')
    done = convert(published_state(listing))
    kind = dict(v1=Sparse4DFramesHead, v2=Sparse4DHead, v3=Sparse4DHead)[version]
    sizes = dict(v1=dict(bank=dict(num_temporal=0), decoder=dict(feedforward_channels=512)),
                 v2=dict(encoder='summed', with_ids=False,
                         decoder=dict(decoupled=False, with_quality=False)), v3={})[version]
    head = kind(10, **sizes, published={**done.published, **quirks})
    head.load_state_dict({name.removeprefix('bbox_head.'): value
                          for name, value in done.weights.items()
                          if name.startswith('bbox_head.')})
    return head.eval()


def image_part(folder: Path) -> torch.nn.Module:
    """The whole v3 detector; of its weights those of backbone and neck."""
    init_default_scope('mmdet3d')
    model = MODELS.build(dict(
        type='Sparse4D', published=QUIRKS['v3'],
        data_preprocessor=dict(type='VideoPreprocessor', mean=[123.675, 116.28, 103.53],
                               std=[58.395, 57.12, 57.375], bgr_to_rgb=True),
        backbone=dict(type='mmdet.ResNet', depth=50, num_stages=4, out_indices=(0, 1, 2, 3)),
        neck=dict(type='mmdet.FPN', in_channels=[256, 512, 1024, 2048], out_channels=256,
                  num_outs=4),
        bbox_head=dict(type='Sparse4DHead', num_classes=10)))
    state = published_state(folder / 'state.json')
    model.load_state_dict({name.removeprefix('img_'): value for name, value in state.items()
                           if name.startswith('img_')}, strict=False)
    return model.eval()


def frame_of(given: dict[str, Tensor], step: int, samples: slice = slice(None)) -> Frame:
    """One of the stored steps."""
    return Frame(Cameras.of_matrices(given['projection_mat'][samples], IMAGE_SIZE),
                 given['timestamp'][step][samples], given['T_global'][step][samples])


def drawn_map(name: str, shape: tuple[int, ...]) -> Tensor:
    """A feature map by its name, of about one."""
    values = filled(name, shape) * np.sqrt(np.prod(shape[1:]))
    return torch.from_numpy(values.astype(np.float32))


def maps_of_head(version: str, frame: int) -> list[Tensor]:
    """Feature maps of part 4."""
    return [drawn_map(f'small_{version}.feat{level}.f{frame}', (2, 6, 256, *size))
            for level, size in enumerate(LEVELS)]


def rows_by_id(ids: Tensor, stored: Tensor) -> Tensor:
    """Where in ``ids`` [A] those of ``stored`` [M] are, which are all there."""
    place = {one: row for row, one in enumerate(ids.tolist())}
    return torch.tensor([place[one] for one in stored.tolist()])

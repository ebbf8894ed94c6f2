"""The stored arrays of the released SparseFusion, and its weights in our detector."""
from __future__ import annotations

import importlib.util
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from mmdet3d.registry import MODELS
from mmengine.config import Config
from mmengine.registry import init_default_scope
from torch import Tensor

import sparsefusion.register  # noqa: F401
from sparse3d.published import hand_down
from sparse3d.structures.camera_rig import CameraRig
from sparsefusion import SceneInput, SparseFusionHead
from sparsefusion.published_checkpoint import QUIRKS, build, convert_weights
from sparsefusion.published_names import ours

ROOT = Path(__file__).resolve().parents[2]
CONFIG = ROOT / 'configs/sparsefusion/sparsefusion_r50_nuscenes.py'
HEAD = 'model.bbox_head.'
SMALL = {  # the golden's smaller sizes
    f'{HEAD}bbox_coder.point_cloud_range': [-27, -27, -5, 27, 27, 3],
    f'{HEAD}detections.center_range': [-30.6, -30.6, -10, 30.6, 30.6, 10],
    'model.middle_encoder.sparse_shape': [41, 720, 720],
    'model.data_preprocessor.voxel_layer.point_cloud_range': [-27, -27, -5, 27, 27, 3],
}


class Golden:
    """Stored arrays, and the generated features and weights they belong to."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / 'sparsefusion'
        spec = importlib.util.spec_from_file_location('golden_weights', folder / 'weights.py')
        self.weights = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(self.weights)
        self.inputs, self.outputs = self.load('inputs'), self.load('outputs')

    def load(self, name: str) -> dict[str, np.ndarray]:
        with np.load(self.folder / f'{name}.npz') as arrays:
            return dict(arrays)

    @cached_property
    def published(self) -> dict[str, Tensor]:
        return self.weights.state_dict(self.folder / 'state.json')

    @cached_property
    def converted(self) -> dict[str, Tensor]:
        return convert_weights(self.published, build(CONFIG), ours)[0]

    def config(self, **changes) -> Config:
        init_default_scope('mmdet3d')
        config = Config.fromfile(CONFIG)
        config.merge_from_dict({'model.published': dict(QUIRKS), **changes})
        return config

    def head(self, **changes) -> SparseFusionHead:
        model = self.config(**changes).model
        (part, ) = hand_down(model.published, bbox_head=model.bbox_head)
        head = MODELS.build(part)
        prefix = 'bbox_head.'
        head.load_state_dict({name.removeprefix(prefix): value
                              for name, value in self.converted.items()
                              if name.startswith(prefix)})
        return head.eval()

    def features(self, case: str, shapes: list[tuple],
                 sample: int = 0) -> tuple[Tensor, list[Tensor]]:
        """Generated map of the LiDAR [1, ...] and image levels [6, ...]."""
        def draw(name: str, shape: tuple) -> Tensor:
            values = self.weights.fill(name, (int(np.prod(shape)), 1))
            return torch.from_numpy(values).reshape(shape)
        lidar = draw(f'sparsefusion.{case}.lidar_feat.{sample}', shapes[0]).clamp(min=0)
        return lidar, [draw(f'sparsefusion.{case}.img_feat.{sample}.{level}', shape)
                       for level, shape in enumerate(shapes[1:])]


SMALL_SHAPES = [(1, 512, 90, 90), (6, 256, 40, 64), (6, 256, 20, 32), (6, 256, 10, 16),
                (6, 256, 5, 8)]
FULL_SHAPES = [(1, 512, 180, 180), (6, 256, 112, 200), (6, 256, 56, 100), (6, 256, 28, 50),
               (6, 256, 14, 25)]


def projections(intrinsics: np.ndarray, rotation: np.ndarray,
                translation: np.ndarray) -> np.ndarray:
    """(N, 4, 4) projections from the parts that the release keeps apart."""
    matrices = np.tile(np.eye(4), (len(intrinsics), 1, 1))
    matrices[:, :3, :3] = intrinsics @ rotation
    matrices[:, :3, 3] = (intrinsics @ translation[..., None])[..., 0]
    return matrices


def scene_of(arrays: dict[str, np.ndarray], prefix: str, lidar: Tensor, images: list[Tensor],
             image_size: tuple[int, int] | None = None) -> SceneInput:
    """The head's input from stored arrays."""
    meta = dict(lidar2img=projections(*(arrays[f'{prefix}{name}'] for name in (
        'cam_intrinsic', 'lidar2cam_r', 'lidar2cam_t'))))
    if f'{prefix}valid_shape' in arrays:
        meta['valid_shape'] = arrays[f'{prefix}valid_shape']
    else:
        meta['img_shape'] = tuple(arrays[f'{prefix}img_shape'])
    size = image_size or tuple(int(n) for n in arrays[f'{prefix}pad_shape'])
    heights = torch.from_numpy(arrays[f'{prefix}min_height'] + arrays[f'{prefix}max_height']) / 2
    depth = torch.from_numpy(arrays[f'{prefix}sparse_depth'])[:, 0]
    return SceneInput(lidar, heights[None], heights[None] > -50, images, depth,
                      CameraRig.from_metas([meta], size))

"""Stored outputs of the released code, and the settings that they were made with."""
from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from focalsconv import FocalSparseEncoder, ShallowImageEncoder
from focalsconv.published_checkpoint import convert_image_branch, convert_published
from grouped_arguments import grouped

EVAL_TOLERANCE = 1e-5
TRAIN_TOLERANCE = 3e-4

KITTI = dict(in_channels=4, sparse_shape=[41, 1600, 1408], voxel_size=[0.05, 0.05, 0.1],
             point_cloud_range=[0, -40, -3, 70.4, 40, 1], enlarge_channels=64, mask_multi=True,
             published=dict(skip_index_zero=True, corners=True))
KITTI_K5 = {**KITTI, 'mask_multi': False, 'kernel_size': 5, 'stages': (1,)}
NUSCENES = dict(in_channels=5, sparse_shape=[41, 1440, 1440], voxel_size=[0.075, 0.075, 0.2],
                point_cloud_range=[-54, -54, -5, 54, 54, 3], enlarge_channels=64, mask_multi=True,
                skip_mask_kernel=True, block_type='basicblock',
                encoder_channels=((16, 16, 32), (32, 32, 64), (64, 64, 128), (128, 128)),
                encoder_paddings=((1, 1, 1), (1, 1, 1), (1, 1, (0, 1, 1)), (1, 1)),
                published=dict(skip_index_zero=True, corners=True, doubled_targets=True))


class Golden:
    """The stored arrays of the released code and the weights they belong to."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / 'focalsconv'
        self.inputs, self.outputs, self.losses = (
            np.load(self.folder / f'{name}.npz') for name in ('inputs', 'outputs', 'loss'))
        spec = importlib.util.spec_from_file_location('golden_weights', folder / 'weights.py')
        self.weights = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(self.weights)

    def encoder(self, state: str, **settings) -> FocalSparseEncoder:
        encoder = FocalSparseEncoder(**grouped(FocalSparseEncoder, **settings))
        published = self.weights.state_dict(self.folder / f'{state}.json')
        encoder.load_state_dict(convert_published(published, encoder))
        return encoder.eval()

    def image_encoder(self, state: str, prefix: str) -> ShallowImageEncoder:
        """The image branch with the released weights under ``prefix``."""
        encoder = ShallowImageEncoder()
        published = self.weights.state_dict(self.folder / f'{state}.json')
        encoder.load_state_dict(convert_image_branch(published, encoder, prefix))
        return encoder.eval()

    def voxels(self, case: str) -> tuple[Tensor, Tensor]:
        return (torch.from_numpy(self.inputs[f'{case}.voxel_features']),
                torch.from_numpy(self.inputs[f'{case}.voxel_coords']))

    def boxes(self, case: str) -> list[Tensor]:
        """Without padding, z at the bottom face."""
        boxes = torch.from_numpy(self.inputs[f'{case}.gt_boxes'])
        boxes[..., 2] -= boxes[..., 5] / 2
        return [of_sample[of_sample[:, 3] > 0] for of_sample in boxes]


def in_order(coordinates: Tensor, features: Tensor) -> tuple[np.ndarray, np.ndarray]:
    coordinates = coordinates.numpy()
    order = np.lexsort(coordinates.T[::-1])
    return coordinates[order], features.detach().numpy()[order]


def encode_all(encoder: FocalSparseEncoder, golden: Golden, case: str, *views):
    """Encode a case; return all stored stages by their stored names, and what encode returned."""
    seen = {}
    encoder.conv_input.register_forward_hook(lambda *call: seen.update(conv_input=call[2]))
    features, coordinates = golden.voxels(case)
    bev, encoded = encoder.encode(features, coordinates, 2, *views)
    sparse = {'conv_input': seen['conv_input'], 'conv_out': encoded.output}
    sparse.update({f'x_conv{n}': stage for n, stage in enumerate(encoded.stages, start=1)})
    stages = {name: in_order(x.indices, x.features) for name, x in sparse.items()}
    for number, importance in encoded.importance.items():
        stages[f'imp{number}'] = in_order(importance.coordinates, importance.logits)
    if encoded.of_images is not None:
        stages['impm'] = in_order(encoded.of_images.coordinates, encoded.of_images.logits)
    return stages, bev, encoded


def assert_stages(stages: dict, golden: Golden, case: str, tolerance: float) -> None:
    stored = [name.split('.')[1] for name in golden.outputs.files
              if name.startswith(f'{case}.') and name.endswith('.coords')]
    assert stored
    for name in stored:
        coordinates, features = stages[name]
        np.testing.assert_array_equal(coordinates, golden.outputs[f'{case}.{name}.coords'], name)
        np.testing.assert_allclose(features, golden.outputs[f'{case}.{name}.features'],
                                   rtol=0, atol=tolerance, err_msg=name)


def assert_map(bev: Tensor, golden: Golden, case: str) -> None:
    index = golden.outputs[f'{case}.bev.index'].astype(np.int64)
    expected = torch.zeros(tuple(golden.outputs[f'{case}.bev.shape']))
    expected[index[:, 0], :, index[:, 1], index[:, 2]] = torch.from_numpy(
        golden.outputs[f'{case}.bev.features'])
    torch.testing.assert_close(bev, expected, rtol=0, atol=EVAL_TOLERANCE)

"""Every stage, the losses and the statistics of the released encoders, reproduced."""
from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from focalsconv import FocalSparseEncoder, focal_sparse_convolution, published_merge
from focalsconv.published_checkpoint import convert_published, published_to_ours

EVAL_TOLERANCE = 1e-5
TRAIN_TOLERANCE = 3e-4

KITTI = dict(in_channels=4, sparse_shape=[41, 1600, 1408], voxel_size=[0.05, 0.05, 0.1],
             point_cloud_range=[0, -40, -3, 70.4, 40, 1], enlarge_channels=64, mask_multi=True,
             published_skip_index_zero=True)
KITTI_K5 = {**KITTI, 'mask_multi': False, 'kernel_size': 5, 'stages': (1,)}
NUSCENES = dict(in_channels=5, sparse_shape=[41, 1440, 1440], voxel_size=[0.075, 0.075, 0.2],
                point_cloud_range=[-54, -54, -5, 54, 54, 3], enlarge_channels=64, mask_multi=True,
                published_skip_index_zero=True, skip_mask_kernel=True, block_type='basicblock',
                encoder_channels=((16, 16, 32), (32, 32, 64), (64, 64, 128), (128, 128)),
                encoder_paddings=((1, 1, 1), (1, 1, 1), (1, 1, (0, 1, 1)), (1, 1)),
                importance_target='published_doubled')


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
        encoder = FocalSparseEncoder(**settings)
        published = self.weights.state_dict(self.folder / f'{state}.json')
        encoder.load_state_dict(convert_published(published, encoder))
        return encoder.eval()

    def voxels(self, case: str) -> tuple[Tensor, Tensor]:
        return (torch.from_numpy(self.inputs[f'{case}.voxel_features']),
                torch.from_numpy(self.inputs[f'{case}.voxel_coords']))

    def boxes(self, case: str) -> list[Tensor]:
        """Without padding, z at the bottom face."""
        boxes = torch.from_numpy(self.inputs[f'{case}.gt_boxes'])
        boxes[..., 2] -= boxes[..., 5] / 2
        return [of_sample[of_sample[:, 3] > 0] for of_sample in boxes]


@pytest.fixture(scope='module')
def golden(golden_dir) -> Golden:
    return Golden(golden_dir)


def in_order(coordinates: Tensor, features: Tensor) -> tuple[np.ndarray, np.ndarray]:
    coordinates = coordinates.numpy()
    order = np.lexsort(coordinates.T[::-1])
    return coordinates[order], features.detach().numpy()[order]


def encode_all(encoder: FocalSparseEncoder, golden: Golden, case: str):
    """Encode a case; return all stored stages by their stored names, and what encode returned."""
    seen = {}
    encoder.conv_input.register_forward_hook(lambda *call: seen.update(conv_input=call[2]))
    features, coordinates = golden.voxels(case)
    bev, encoded = encoder.encode(features, coordinates, 2)
    sparse = {'conv_input': seen['conv_input'], 'conv_out': encoded.output}
    sparse.update({f'x_conv{n}': stage for n, stage in enumerate(encoded.stages, start=1)})
    stages = {name: in_order(x.indices, x.features) for name, x in sparse.items()}
    for number, importance in encoded.importance.items():
        stages[f'imp{number}'] = in_order(importance.coordinates, importance.logits)
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


@pytest.mark.parametrize(('case', 'state', 'settings'), [
    ('kitti_topk', 'state', KITTI),
    ('kitti_thr', 'state', {**KITTI, 'top_k': False}),
    ('kitti_k5', 'state_kitti_k5', KITTI_K5),
    ('nusc_thr', 'state_nusc_thr', {**NUSCENES, 'top_k': False, 'stages': (1,)}),
    ('nusc_lidar_merged', 'state_nusc_lidar', NUSCENES),
])
def test_stages_in_evaluation(golden, one_thread, case, state, settings):
    encoder = golden.encoder(state, **settings)
    with torch.no_grad():
        stages, bev, _ = encode_all(encoder, golden, 'nusc_lidar' if 'merged' in case else case)
    assert_stages(stages, golden, case, EVAL_TOLERANCE)
    if f'{case}.bev.index' in golden.outputs:
        index = golden.outputs[f'{case}.bev.index'].astype(np.int64)
        expected = torch.zeros(tuple(golden.outputs[f'{case}.bev.shape']))
        expected[index[:, 0], :, index[:, 1], index[:, 2]] = torch.from_numpy(
            golden.outputs[f'{case}.bev.features'])
        torch.testing.assert_close(bev, expected, rtol=0, atol=EVAL_TOLERANCE)


def test_stages_losses_and_statistics_in_training(golden, one_thread):
    encoder = golden.encoder('state', **KITTI).train()
    stages, _, encoded = encode_all(encoder, golden, 'kitti_train')
    assert_stages(stages, golden, 'kitti_train', TRAIN_TOLERANCE)
    boxes = golden.boxes('kitti_train')
    losses = encoder.auxiliary_losses(encoded, boxes)
    for stage, importance in encoded.importance.items():
        targets = encoder.importance_targets(stage, importance, boxes)
        _, targets = in_order(importance.coordinates, targets)
        np.testing.assert_array_equal(targets, golden.losses[f'kitti_train.target{stage}'])
        assert losses[f'loss_importance_stage{stage}'].item() == pytest.approx(
            float(golden.losses[f'kitti_train.loss{stage}']), abs=1e-5)
    assert sum(losses.values()).item() == pytest.approx(
        float(golden.losses['kitti_train.loss_box_of_pts']), abs=1e-5)
    assert_running_statistics(encoder, golden, 'kitti_train')


def assert_running_statistics(encoder: FocalSparseEncoder, golden: Golden, case: str) -> None:
    buffers, checked = dict(encoder.named_buffers()), 0
    for name in golden.losses.files:
        if name.startswith(f'{case}.after.'):
            ours = published_to_ours(name.removeprefix(f'{case}.after.'), residual=False)
            np.testing.assert_allclose(buffers[ours], golden.losses[name], rtol=0,
                                       atol=TRAIN_TOLERANCE, err_msg=name)
            checked += 1
    assert checked == 12


def test_importance_loss_of_the_nuscenes_release(golden, one_thread):
    encoder = golden.encoder('state_nusc_thr', **{**NUSCENES, 'top_k': False, 'stages': (1,)})
    _, _, encoded = encode_all(encoder, golden, 'nusc_thr')
    boxes = golden.boxes('nusc_thr')
    targets = encoder.importance_targets(1, encoded.importance[1], boxes)
    _, targets = in_order(encoded.importance[1].coordinates, targets)
    np.testing.assert_array_equal(targets, golden.losses['nusc_thr.target'])
    loss = encoder.auxiliary_losses(encoded, boxes)['loss_importance_stage1']
    assert loss.item() == pytest.approx(float(golden.losses['nusc_thr.loss_box_of_pts']), abs=1e-5)


PUBLISHED_MERGE = dict(published_float32_keys=True, published_key_sizes=True)


def assert_first_stage(stages: dict, golden: Golden, case: str, coordinates: str,
                       features: str) -> None:
    np.testing.assert_array_equal(stages['x_conv1'][0],
                                  golden.outputs[f'{case}.x_conv1.{coordinates}'])
    np.testing.assert_allclose(stages['x_conv1'][1], golden.outputs[f'{case}.x_conv1.{features}'],
                               rtol=0, atol=EVAL_TOLERANCE)


@pytest.mark.parametrize(('case', 'options', 'suffix'), [
    ('quirk_rounding', {}, 'exact'),
    ('quirk_edge', {}, 'exact'),
    ('quirk_edge', dict(published_skip_index_zero=False), 'exact_from0'),
])
def test_exact_merging_where_the_release_errs(golden, one_thread, case, options, suffix):
    encoder = golden.encoder('state', **{**KITTI, **options})
    with torch.no_grad():
        stages, _, _ = encode_all(encoder, golden, case)
    coordinates = 'coords' if case == 'quirk_rounding' else f'coords_{suffix}'
    assert_first_stage(stages, golden, case, coordinates, f'features_{suffix}')


def unstable_order_in_samples(values: Tensor, sample: Tensor, descending: bool = False) -> Tensor:
    """Each sample sorted on its own and unstably, as the stored outputs were made."""
    rows = [(sample == index).nonzero().squeeze(1) for index in sample.unique()]
    return torch.cat([of_sample[values[of_sample].sort(descending=descending)[1]]
                      for of_sample in rows])


@pytest.mark.parametrize(('case', 'coordinates'), [
    ('quirk_rounding', 'coords'),
    ('quirk_edge', 'coords_published'),
])
def test_published_merging(golden, one_thread, monkeypatch, case, coordinates):
    for module in (published_merge, focal_sparse_convolution):
        monkeypatch.setattr(module, 'order_in_samples', unstable_order_in_samples)
    encoder = golden.encoder('state', **{**KITTI, **PUBLISHED_MERGE})
    with torch.no_grad():
        stages, _, _ = encode_all(encoder, golden, case)
    assert_first_stage(stages, golden, case, coordinates, 'features_published')


@pytest.mark.parametrize(('settings', 'parameters'), [
    (dict(KITTI, stages=()), 711_872),
    (dict(KITTI, enlarge_channels=0), 938_896),
    (KITTI, 1_191_136),
    (KITTI_K5, 987_680),
])
def test_number_of_parameters(settings, parameters):
    encoder = FocalSparseEncoder(**settings)
    assert sum(parameter.numel() for parameter in encoder.parameters()) == parameters


def test_number_of_parameters_of_the_residual_family():
    # The released blocks carry biases in front of batch normalisations; ours do not need them.
    biases = 4 * (16 + 32 + 64 + 128)
    assert sum(p.numel() for p in FocalSparseEncoder(**NUSCENES).parameters()) == 3_174_576 - biases

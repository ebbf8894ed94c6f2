"""Every stage, the losses and the statistics of the released encoders, reproduced."""
from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from focalsconv import FocalSparseEncoder, focal_sparse_convolution, published_merge
from focalsconv.published_checkpoint import published_to_ours
from focalsconv_golden import (
    EVAL_TOLERANCE,
    KITTI,
    KITTI_K5,
    NUSCENES,
    TRAIN_TOLERANCE,
    Golden,
    assert_map,
    assert_stages,
    encode_all,
    in_order,
)
from grouped_arguments import grouped


@pytest.fixture(scope='module')
def golden(golden_dir) -> Golden:
    return Golden(golden_dir)


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
        assert_map(bev, golden, case)


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


PUBLISHED_MERGE = dict(KITTI['published'], float32_keys=True, key_sizes=True)


def assert_first_stage(stages: dict, golden: Golden, case: str, coordinates: str,
                       features: str) -> None:
    np.testing.assert_array_equal(stages['x_conv1'][0],
                                  golden.outputs[f'{case}.x_conv1.{coordinates}'])
    np.testing.assert_allclose(stages['x_conv1'][1], golden.outputs[f'{case}.x_conv1.{features}'],
                               rtol=0, atol=EVAL_TOLERANCE)


@pytest.mark.parametrize(('case', 'options', 'suffix'), [
    ('quirk_rounding', {}, 'exact'),
    ('quirk_edge', {}, 'exact'),
    ('quirk_edge', dict(published=dict(corners=True)), 'exact_from0'),
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
    encoder = golden.encoder('state', **{**KITTI, 'published': PUBLISHED_MERGE})
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
    encoder = FocalSparseEncoder(**grouped(FocalSparseEncoder, **settings))
    assert sum(parameter.numel() for parameter in encoder.parameters()) == parameters


def test_number_of_parameters_of_the_residual_family():
    # The released blocks carry biases in front of batch normalizations; ours do not need them.
    biases = 4 * (16 + 32 + 64 + 128)
    encoder = FocalSparseEncoder(**grouped(FocalSparseEncoder, **NUSCENES))
    assert sum(p.numel() for p in encoder.parameters()) == 3_174_576 - biases

"""The encoder as a middle encoder: same words, same weights, same map as mmdet3d's."""
from __future__ import annotations

import pytest
import torch
from mmdet3d.models.middle_encoders import SparseEncoder
from mmdet3d.registry import MODELS
from torch import Tensor

from focalsconv import FocalSparseEncoder
from grouped_arguments import grouped
from sparse3d.errors import ConfigError

GRID = dict(in_channels=4, sparse_shape=[41, 48, 40])
PLACE = dict(voxel_size=[0.05, 0.05, 0.1], point_cloud_range=[0, -1.2, -3, 2, 1.2, 1])
RESIDUAL = dict(block_type='basicblock',
                encoder_channels=((16, 16, 32), (32, 32, 64), (64, 64, 128), (128, 128)),
                encoder_paddings=((1, 1, 1), (1, 1, 1), (1, 1, (0, 1, 1)), (1, 1)))


def cloud(count: int = 300, batch_size: int = 2) -> tuple[Tensor, Tensor]:
    cells = torch.randperm(batch_size * 41 * 48 * 40)[:count]
    coordinates = torch.stack([cells // (41 * 48 * 40), cells // (48 * 40) % 41,
                               cells // 40 % 48, cells % 40], 1).int()
    return torch.randn(count, 4), coordinates


def encoder(**settings) -> FocalSparseEncoder:
    return FocalSparseEncoder(**GRID, **PLACE, **grouped(FocalSparseEncoder, **settings))


@pytest.mark.parametrize('family', [{}, RESIDUAL])
@pytest.mark.parametrize('training', [True, False])
def test_without_focal_layers_it_is_the_sparse_encoder(family, training):
    plain = SparseEncoder(**GRID, **family, order=('conv', 'norm', 'act'))
    ours = encoder(stages=(), **family)
    ours.load_state_dict(plain.state_dict())
    features, coordinates = cloud()
    expected = plain.train(training)(features, coordinates, 2)
    torch.testing.assert_close(ours.train(training)(features, coordinates, 2), expected,
                               rtol=0, atol=1e-5)


def test_weights_of_a_plain_encoder_fit_all_but_the_focal_layers():
    plain = SparseEncoder(**GRID).state_dict()
    missing, unexpected = encoder().load_state_dict(plain, strict=False)
    assert not unexpected
    assert missing and all(name.startswith('focal_layers.') for name in missing)


@pytest.mark.parametrize('family', [{}, RESIDUAL])
def test_map_and_stages(family):
    made = MODELS.build(dict(type='FocalSparseEncoder', return_middle_feats=True, **GRID, **PLACE,
                             **family))
    bev, stages = made(*cloud(), 2)
    assert bev.shape == (2, 256, 6, 5)
    shapes = [[41, 48, 40], [21, 24, 20], [11, 12, 10], [5, 6, 5]]
    assert [x.spatial_shape for x in stages] == shapes
    widths = [16, 32, 64, 128 if family else 64]
    assert [x.features.shape[1] for x in stages] == widths


def test_saved_weights_load_back(tmp_path):
    made, other = encoder(enlarge_channels=8), encoder(enlarge_channels=8)
    torch.save(made.state_dict(), tmp_path / 'encoder.pth')
    other.load_state_dict(torch.load(tmp_path / 'encoder.pth', weights_only=True))
    voxels = cloud()
    with torch.no_grad():
        assert torch.equal(made.eval()(*voxels, 2), other.eval()(*voxels, 2))


def test_importance_losses_train_the_predictors():
    made = encoder(stages=(1, 3), importance_loss_weight=2.0)
    _, auxiliary = made.encode(*cloud(), 2)
    boxes = [torch.tensor([[1., 0, -3, 1, 1, 4, 0.3]]), torch.zeros(0, 7)]
    losses = made.auxiliary_losses(auxiliary, boxes)
    assert sorted(losses) == ['loss_importance_stage1', 'loss_importance_stage3']
    assert all(0.02 < loss < 0.7 for loss in losses.values())
    sum(losses.values()).backward()
    for layer in made.focal_layers.values():
        assert layer.predictor.importance.weight.grad[-1].abs().sum() > 0
    # The last layer's neighbors learn from the detector alone, the first's also through its map.
    last = made.focal_layers.stage3.predictor.importance.weight.grad
    assert last[:-1].abs().sum() == 0
    made.importance_loss_weight = 1.0
    once = made.auxiliary_losses(auxiliary, boxes)['loss_importance_stage1']
    assert losses['loss_importance_stage1'].item() == pytest.approx(2 * once.item())


def test_targets_use_the_real_range_and_voxel_size():
    made = encoder()
    _, auxiliary = made.encode(*cloud(), 2)
    stage2 = auxiliary.importance[2]
    _, y, x = stage2.coordinates[:, 1:].unbind(1)
    box = torch.tensor([[0.5, -0.5, -3, 0.6, 0.6, 4.5, 0.]])
    along, across = (x * 0.1 - 0.5).abs(), (y * 0.1 - 1.2 + 0.5).abs()
    first = stage2.coordinates[:, 0] == 0
    targets = made.importance_targets(2, stage2, [box, torch.zeros(0, 7)])
    sure = ((along - 0.3).abs() > 1e-3) & ((across - 0.3).abs() > 1e-3)
    expected = first & (along < 0.3) & (across < 0.3)
    assert torch.equal(targets[sure], expected[sure])
    assert targets.any()


@pytest.mark.parametrize('stage', [1, 3])
def test_a_voxel_stands_at_its_center_or_as_published_at_its_corner(stage):
    cell = torch.tensor([[0, 4, 3, 2]])
    stride = 2 ** (stage - 1)
    corner = [2 * stride * 0.05, -1.2 + 3 * stride * 0.05, -3 + 4 * stride * 0.1]
    published, ours = encoder(published=dict(corners=True)), encoder()
    assert published.voxel_positions(stage, cell)[0].tolist() == pytest.approx(corner, abs=1e-5)
    # A coarse voxel sums the fine ones around the one at its corner.
    center = [corner[0] + 0.025, corner[1] + 0.025, corner[2] + 0.05]
    assert ours.voxel_positions(stage, cell)[0].tolist() == pytest.approx(center, abs=1e-5)


def test_a_focal_layer_may_end_the_last_stage_where_indices_stay_aligned():
    three = encoder(stages=(3,), encoder_channels=((16,), (32, 32), (32, 32)),
                    encoder_paddings=((1,), (1, 1), (1, 1)))
    bev, auxiliary = three.encode(*cloud(), 2)
    assert list(auxiliary.importance) == [3] and torch.isfinite(bev).all()


@pytest.mark.parametrize('training', [True, False])
@pytest.mark.parametrize('count', [0, 1, 2])
@pytest.mark.parametrize('family', [{}, RESIDUAL])
def test_almost_empty_clouds(training, count, family):
    made = encoder(mask_multi=True, enlarge_channels=8, **family).train(training)
    bev, auxiliary = made.encode(*cloud(count), 2)
    losses = made.auxiliary_losses(auxiliary, [torch.zeros(0, 7)] * 2)
    total = bev.square().sum() + sum(losses.values())
    if training:
        total.backward()
    assert bev.shape == (2, 256, 6, 5) and torch.isfinite(total)


def test_importance_stays_in_float32_under_autocast():
    made = encoder().eval()
    with torch.no_grad(), torch.autocast('cpu', dtype=torch.bfloat16):
        bev, auxiliary = made.encode(*cloud(), 2)
    assert all(importance.logits.dtype == torch.float32
               for importance in auxiliary.importance.values())
    assert torch.isfinite(bev).all()


def test_wrong_settings_say_so():
    with pytest.raises(ConfigError, match='sparse_shape'):
        FocalSparseEncoder(**GRID, voxel_size=[0.1, 0.05, 0.1],
                           point_cloud_range=PLACE['point_cloud_range'])
    with pytest.raises(ConfigError, match=r'stages \[4\]; choose from \[1, 2, 3\]'):
        encoder(stages=(4,))
    with pytest.raises(ConfigError, match=r'stages \[4\]; choose from \[1, 2, 3\]'):
        encoder(stages=(4,), **RESIDUAL)
    with pytest.raises(ConfigError, match='order'):
        encoder(order=('act', 'conv', 'norm'))
    with pytest.raises(ConfigError, match='topk'):
        encoder(focal=dict(topk=True))
    with pytest.raises(ConfigError, match='block_type'):
        encoder(block_type='bottleneck')
    with pytest.raises(ConfigError, match="no quirk 'corner'; did you mean corners"):
        encoder(published=dict(corner=True))

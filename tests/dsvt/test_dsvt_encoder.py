"""The encoder as a whole: samples do not mix, edge cases, other detectors, wrong settings."""
from __future__ import annotations

import pytest
import torch
from mmdet3d.registry import MODELS
from mmengine.registry import init_default_scope

from dsvt import DSVTEncoder
from grouped_arguments import grouped
from sparse3d.errors import ConfigError
from sparse3d.models.voxel_encoders import DynamicVoxelEncoder

PILLAR = grouped(
    DSVTEncoder,
    grid_shape=(24, 16, 1),
    channels=16,
    num_heads=4,
    feedforward_channels=32,
    blocks=(2,),
    window_shapes=((6, 6, 1),),
    window_shift=(3, 3, 0),
    set_size=5,
)
VOXEL = grouped(
    DSVTEncoder, grid_shape=(24, 16, 8), channels=16, num_heads=4, feedforward_channels=32,
    blocks=(1, 1, 1), window_shapes=((6, 6, 8), (6, 6, 2), (6, 6, 1)),
    pool_strides=((1, 1, 4), (1, 1, 2)), window_shift=(3, 3, 0), set_size=5)


def cloud(settings, counts=(50, 30)):
    """Random voxels in shuffled order."""
    x, y, z = settings['grid_shape']
    rows = []
    for sample, count in enumerate(counts):
        cells = torch.randperm(x * y * z)[:count]
        rows.append(torch.stack([torch.full_like(cells, sample), cells // (x * y),
                                 cells // x % y, cells % x], 1))
    coordinates = torch.cat(rows)[torch.randperm(sum(counts))].int()
    return torch.randn(len(coordinates), settings['channels']), coordinates


@pytest.mark.parametrize('settings', [PILLAR, VOXEL], ids=['pillar', 'voxel'])
class TestEncoder:
    def test_map_holds_voxels_and_zeros(self, settings):
        features, coordinates = cloud(settings)
        bev = DSVTEncoder(**settings).eval()(features, coordinates, 3)
        assert bev.shape == (3, 16, 16, 24)
        filled = torch.zeros(3, 16, 24, dtype=torch.bool)
        filled[coordinates[:, 0].long(), coordinates[:, 2].long(), coordinates[:, 3].long()] = True
        assert torch.equal(bev.abs().sum(1) > 0, filled)

    def test_a_batch_gives_what_its_samples_give_alone(self, settings):
        encoder = DSVTEncoder(**settings).eval()
        features, coordinates = cloud(settings)
        bev = encoder(features, coordinates, 2)
        for sample in (0, 1):
            own = coordinates[:, 0] == sample
            alone = coordinates[own].clone()
            alone[:, 0] = 0
            torch.testing.assert_close(encoder(features[own], alone, 1)[0], bev[sample],
                                       rtol=1e-5, atol=1e-5)

    def test_the_order_of_voxels_does_not_matter(self, settings):
        encoder = DSVTEncoder(**settings).eval()
        features, coordinates = cloud(settings)
        shuffled = torch.randperm(len(features))
        torch.testing.assert_close(encoder(features[shuffled], coordinates[shuffled], 2),
                                   encoder(features, coordinates, 2), rtol=1e-5, atol=1e-5)

    @pytest.mark.parametrize('counts', [(0, 0), (1, 0), (0, 4)])
    def test_almost_nothing_in_training(self, settings, counts):
        encoder = DSVTEncoder(**settings).train()
        features, coordinates = cloud(settings, counts)
        bev = encoder(features.requires_grad_(), coordinates, 2)
        assert bev.isfinite().all()
        bev.square().sum().backward()
        assert features.grad.isfinite().all()

    def test_blocks_computed_twice_give_the_same_gradients(self, settings):
        features, coordinates = cloud(settings)
        encoder = DSVTEncoder(**settings).train()
        gradients = []
        for again in (False, True):
            for stage in encoder.stages:
                stage.with_checkpoint = again
            encoder.zero_grad()
            encoder(features, coordinates, 2).square().sum().backward()
            gradients.append([parameter.grad.clone() for parameter in encoder.parameters()])
        for once, twice in zip(*gradients, strict=True):
            torch.testing.assert_close(once, twice)

    def test_every_parameter_learns(self, settings):
        features, coordinates = cloud(settings)
        encoder = DSVTEncoder(**settings).train()
        (encoder(features, coordinates, 2) ** 3).sum().backward()
        idle = [name for name, parameter in encoder.named_parameters() if parameter.grad is None]
        assert idle == []


def test_tables_of_embeddings_give_the_same_in_evaluation():
    encoder = DSVTEncoder(**grouped(
        DSVTEncoder, **{**PILLAR, 'window_shapes': ((4, 4, 1), )})).eval()
    features, coordinates = cloud(PILLAR, (150, 0))
    tables = encoder.tables(coordinates)
    for embeddings, configurations in zip(encoder.stages[0].embeddings, encoder.stages[0].embedded,
                                          strict=True):
        for embedding, configuration in zip(embeddings, configurations, strict=True):
            inside, place = tables.stages[0].positions[configuration]
            torch.testing.assert_close(embedding.table()[place], embedding.embed(inside))


@pytest.mark.parametrize('settings', [PILLAR, VOXEL], ids=['pillar', 'voxel'])
def test_bfloat16_stays_near(settings):
    encoder = DSVTEncoder(**settings).eval()
    features, coordinates = cloud(settings)
    exact = encoder(features, coordinates, 2)
    with torch.autocast('cpu', torch.bfloat16):
        rough = encoder(features, coordinates, 2)
    assert (rough.float() - exact).abs().mean() < 0.02
    assert not torch.equal(rough.float(), exact)


def test_encoder_of_a_detector_of_mmdet3d():
    init_default_scope('mmdet3d')
    size, limits = (0.5, 0.5, 4.0), (0, 0, -2, 12, 8, 2)
    detector = MODELS.build(dict(
        type='DynamicVoxelNet',
        data_preprocessor=dict(
            type='Det3DDataPreprocessor', voxel=True, voxel_type='dynamic',
            voxel_layer=dict(max_num_points=-1, point_cloud_range=limits, voxel_size=size,
                             max_voxels=(-1, -1))),
        voxel_encoder=dict(type='DynamicVoxelEncoder', in_channels=4, feat_channels=(8, 8),
                           voxel_size=size, point_cloud_range=limits),
        middle_encoder=dict(PILLAR, type='DSVTEncoder', in_channels=8),
        backbone=dict(type='SECOND', in_channels=16, out_channels=[16], layer_nums=[1],
                      layer_strides=[1]),
        bbox_head=dict(type='Anchor3DHead', num_classes=1, in_channels=16, feat_channels=16,
                       anchor_generator=dict(
                           type='Anchor3DRangeGenerator', ranges=[[0, 0, -1, 12, 8, -1]],
                           sizes=[[3.9, 1.6, 1.56]]),
                       loss_bbox=dict(type='mmdet.SmoothL1Loss'),
                       loss_dir=dict(type='mmdet.CrossEntropyLoss'))))
    points = [torch.rand(300, 4) * torch.tensor([12, 8, 4, 1.]) - torch.tensor([0, 0, 2, 0.])
              for _ in range(2)]
    inputs = detector.data_preprocessor({'inputs': {'points': points}, 'data_samples': None})
    scores, _, _ = detector(**inputs, mode='tensor')
    assert scores[0].shape == (2, 2, 16, 24)


def test_settings_that_do_not_fit_are_named():
    with pytest.raises(ConfigError, match='2 stages in blocks, 1 in window_shapes'):
        DSVTEncoder(**{**PILLAR, 'blocks': (1, 1)})
    with pytest.raises(ConfigError, match='leave 2 cells in z'):
        DSVTEncoder(**{**VOXEL, 'pool_strides': ((1, 1, 2), (1, 1, 2))})
    features, coordinates = cloud(PILLAR)
    with pytest.raises(ConfigError, match=r'outside the grid of \[8, 16, 1\]'):
        DSVTEncoder(**{**PILLAR, 'grid_shape': (8, 16, 1)})(features, coordinates, 2)


def test_dynamic_voxel_encoder_knows_its_grid():
    assert DynamicVoxelEncoder().grid == [468, 468, 1]

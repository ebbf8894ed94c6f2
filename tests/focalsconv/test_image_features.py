"""The image branch and the encoder that sees images, without stored outputs."""
from __future__ import annotations

import numpy as np
import pytest
import torch
from mmdet3d.registry import MODELS
from mmdet3d.structures import Det3DDataSample

from focalsconv import FocalSparseEncoder, ShallowImageEncoder
from focalsconv.published import FocalsConvPublished
from sparse3d.errors import ConfigError
from sparse3d.structures.cameras import Cameras

NO_STAGE = dict(stages=())
GRID = dict(in_channels=4, sparse_shape=[41, 48, 40], voxel_size=[0.05, 0.05, 0.1],
            point_cloud_range=[0, -1.2, -3, 2, 1.2, 1], encoder_channels=((8,), (8, 8)),
            encoder_paddings=((1,), (1, 1)), output_channels=8, base_channels=8)
AHEAD = np.array([[32., -32, 0, 0], [24, 0, -32, -40], [1, 0, 0, 0], [0, 0, 0, 1]])


def batch(count: int = 300):
    cells = torch.randperm(2 * 41 * 48 * 40)[:count]
    coordinates = torch.stack([cells // (41 * 48 * 40), cells // (48 * 40) % 41,
                               cells // 40 % 48, cells % 40], 1).int()
    return torch.randn(count, 4), coordinates


def samples(*shapes) -> list[Det3DDataSample]:
    made = [Det3DDataSample() for _ in shapes]
    for sample, shape in zip(made, shapes, strict=True):
        sample.set_metainfo(dict(lidar2img=AHEAD, img_shape=shape))
    return made


def test_only_what_reaches_a_voxel_is_built():
    assert sum(p.numel() for p in ShallowImageEncoder().parameters()) == 229_472


def test_images_of_two_sizes_and_cameras():
    encoder = MODELS.build(dict(type='ShallowImageEncoder', depth=18, base_channels=8)).eval()
    images = torch.randint(0, 256, (2, 3, 48, 64)).float()
    views = encoder(images, samples((48, 64), (40, 50)))
    assert views.features.shape == (2, 1, 16, 12, 16)
    assert views.cameras.sizes.tolist() == [[[48, 64]], [[40, 50]]]
    rigs = Cameras.of_matrices(torch.eye(4).expand(2, 6, 4, 4), (48, 64))
    six = encoder.features(torch.zeros(2, 6, 3, 48, 64), rigs)
    assert six.shape == (2, 6, 16, 12, 16)


def test_values_in_the_padding_do_not_matter_unless_published():
    encoder = ShallowImageEncoder(depth=18, base_channels=8).eval()
    images = torch.randint(0, 256, (1, 3, 48, 64)).float()
    dark, bright = images.clone(), images.clone()
    dark[..., 40:, :], bright[..., 40:, :] = 0, 255
    given = samples((40, 64))
    with torch.no_grad():
        assert torch.equal(encoder(dark, given).features, encoder(bright, given).features)
        beyond = images.clone()
        beyond[..., 40:, :] = torch.nan  # not multiplied by zero, left out
        assert torch.equal(encoder(dark, given).features, encoder(beyond, given).features)
        encoder.published = FocalsConvPublished(encode_padding=True)
        assert not torch.equal(encoder(dark, given).features, encoder(bright, given).features)


@pytest.mark.parametrize('join', ['concatenate', 'add'])
@pytest.mark.parametrize('stages', [(), (1, 2)])
def test_a_training_step_reaches_the_image_branch(join, stages):
    # Shallow features are added to the layer's output: both are as wide as stage 1.
    images = ShallowImageEncoder(depth=18, base_channels=8, out_channels=8)
    encoder = FocalSparseEncoder(
        **GRID, focal=dict(stages=stages), image_fusion=dict(join=join, channels=8))
    views = images(torch.rand(2, 3, 48, 64) * 255, samples((48, 64), (40, 50)))
    bev, auxiliary = encoder.encode(*batch(), 2, views)
    losses = encoder.auxiliary_losses(auxiliary, [torch.tensor([[1., 0, -3, 1, 1, 4, 0]])] * 2)
    assert 'loss_importance_image' in losses and len(losses) == len(stages) + 1
    (bev.square().mean() + sum(losses.values())).backward()
    assert images.backbone.conv1.weight.grad.abs().sum() > 0
    assert encoder.image_layer.predictor.importance.weight.grad[-1].abs().sum() > 0


@pytest.mark.parametrize('training', [True, False])
@pytest.mark.parametrize('count', [0, 1])
def test_almost_empty_clouds(training, count):
    images = ShallowImageEncoder(depth=18, base_channels=8, out_channels=8)
    encoder = FocalSparseEncoder(
        **GRID, image_fusion=dict(channels=8), focal=dict(stages=(1,))).train(training)
    views = images(torch.rand(2, 3, 48, 64) * 255, samples((48, 64), (40, 50)))
    bev, auxiliary = encoder.encode(*batch(count), 2, views)
    assert torch.isfinite(bev).all()
    assert all(torch.isfinite(loss) for loss in encoder.auxiliary_losses(
        auxiliary, [torch.zeros(0, 7)] * 2).values())


def test_copies_of_background_rows_see_the_image_too():
    images = ShallowImageEncoder(depth=18, base_channels=8, out_channels=8).eval()
    settings = dict(GRID, focal=NO_STAGE, image_fusion=dict(channels=8, join='add'))
    merged, doubled = FocalSparseEncoder(**settings), FocalSparseEncoder(
        **settings, published=dict(background_copies=True))
    doubled.load_state_dict(merged.state_dict())
    views = images(torch.rand(2, 3, 48, 64) * 255, samples((48, 64), (40, 50)))
    given = batch(6000)
    with torch.no_grad():
        one, other = (encoder.eval().encode(*given, 2, views)[1].stages[0]
                      for encoder in (merged, doubled))
    assert torch.equal(one.indices, other.indices)
    differ = (one.features - other.features).abs().amax(1) > 1e-6
    assert 0 < differ.sum() < len(differ)


def test_wrong_settings_say_so():
    with pytest.raises(ConfigError, match='16 image channels cannot be added to 8'):
        FocalSparseEncoder(**GRID, focal=NO_STAGE, image_fusion=dict(join='add'))
    with pytest.raises(ConfigError, match='join'):
        FocalSparseEncoder(**GRID, focal=NO_STAGE, image_fusion=dict(join='multiply'))
    with pytest.raises(ConfigError, match='image_fusion has no option interpolate'):
        FocalSparseEncoder(**GRID, focal=NO_STAGE, image_fusion=dict(interpolate=True))
    with pytest.raises(ConfigError, match='got none'):
        FocalSparseEncoder(**GRID, focal=NO_STAGE, image_fusion=dict(channels=8)).encode(
            *batch(), 2)

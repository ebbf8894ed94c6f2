"""The released ResNet-50 of SparK, by its names and shapes."""
from __future__ import annotations

import pytest
import torch
from mmdet.models.backbones import ResNet
from torch import nn

import sparse3d.register  # noqa: F401
from sparse3d.errors import CheckpointError
from sparse3d.pretraining.encoder_files import load_encoder
from sparse3d.pretraining.released_spark import INSIDE, convert_spark, expected_shapes


def released(depth=50):
    """Numbers of no meaning under timm's names."""
    random = torch.Generator().manual_seed(0)
    weights = {name: torch.rand(shape, generator=random)
               for name, shape in expected_shapes(depth).items()}
    weights['bn1.num_batches_tracked'] = torch.tensor(7)
    return weights


@pytest.fixture(scope='module')
def backbone():
    return ResNet(depth=50, style='pytorch')


def saved(path, content):
    torch.save(content, path)
    return path


def test_the_table_is_mmdets_resnet(backbone):
    own = {name: tuple(value.shape) for name, value in backbone.state_dict().items()
           if not name.endswith('num_batches_tracked')}
    assert expected_shapes(50) == own


@pytest.mark.parametrize('wrap', [lambda w: w, lambda w: dict(module={INSIDE + n: v for n, v in
                                                                    w.items()})['module'],
                                  lambda w: {**w, 'fc.weight': torch.ones(1000, 2048)}],
                         ids=['timm', 'whole', 'with a classifier'])
def test_converted_weights_are_loaded_whole(backbone, tmp_path, wrap):
    weights = released()
    written = convert_spark(saved(tmp_path / 'in.pth', wrap(weights)), tmp_path / 'out.pth')
    assert len(written) == len(weights)
    detector = nn.Module()
    detector.backbone = backbone
    told = load_encoder(detector, tmp_path / 'out.pth')
    assert not told.unused
    assert [name for name in told.fresh if not name.endswith('num_batches_tracked')] == []
    state = backbone.state_dict()
    assert all(torch.equal(state[name], value) for name, value in weights.items())


def test_other_files_are_refused(tmp_path):
    weights = released()
    lacking = {name: value for name, value in weights.items() if name != 'layer2.1.conv2.weight'}
    with pytest.raises(CheckpointError, match='layer2.1.conv2.weight'):
        convert_spark(saved(tmp_path / 'a.pth', lacking), tmp_path / 'out.pth')
    with pytest.raises(CheckpointError, match='blocks in four stages'):
        convert_spark(saved(tmp_path / 'b.pth', {'stages.0.weight': torch.ones(3)}),
                      tmp_path / 'out.pth')
    misshapen = dict(weights, **{'conv1.weight': torch.ones(64, 3, 3, 3)})
    with pytest.raises(CheckpointError, match='conv1.weight of the file'):
        convert_spark(saved(tmp_path / 'c.pth', misshapen), tmp_path / 'out.pth')
    assert not (tmp_path / 'out.pth').exists()

from __future__ import annotations

import pytest
import torch
from torch import nn

import sparse3d.register  # noqa: F401
from sparse3d.errors import CheckpointError
from sparse3d.pretraining.encoder_files import encoder_weights, load_encoder, write_encoder
from tiny_voxel_detectors import tiny_detector


def changed(model, before):
    return {name for name, value in model.state_dict().items()
            if not torch.equal(value, before[name])}


def encoder_file(path, model, about=None):
    weights = {name: value + 1 for name, value in encoder_weights(model.state_dict()).items()}
    return write_encoder(weights, path, about or dict(method='test'))


def test_all_of_the_encoder_is_set_and_nothing_else(tmp_path):
    path = encoder_file(tmp_path / 'encoder.pth', tiny_detector())
    model = tiny_detector()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    told = load_encoder(model, path)
    own = {name for name in before if name.startswith(('voxel_encoder.', 'middle_encoder.'))}
    assert changed(model, before) == own == set(told.loaded)
    assert str(told) == (f'{path}: {len(own)} of {len(own)} tensors of middle_encoder loaded; as '
                         f'initialized: backbone, bbox_head, neck')
    assert torch.equal(model.state_dict()[sorted(own)[0]], before[sorted(own)[0]] + 1)


def test_what_is_missing_and_what_has_no_place_is_said(tmp_path):
    model = tiny_detector()
    weights = encoder_weights(model.state_dict())
    first = next(iter(weights))
    weights['middle_encoder.other.weight'] = weights.pop(first)
    told = load_encoder(model, write_encoder(weights, tmp_path / 'encoder.pth', {}))
    assert told.fresh == [first] and told.unused == ['middle_encoder.other.weight']
    assert f'as initialized there: 1 ({first})' in str(told)
    assert 'without a place here: 1 (middle_encoder.other.weight)' in str(told)


def test_an_image_backbone_goes_where_the_detector_has_it(tmp_path):
    class Pretrained(nn.Module):
        def __init__(self):
            super().__init__()
            self.backbone, self.decoder = nn.Conv2d(3, 4, 1), nn.Conv2d(4, 4, 1)

    weights = encoder_weights(Pretrained().state_dict())
    assert set(weights) == {'image_backbone.weight', 'image_backbone.bias'}
    path = write_encoder(weights, tmp_path / 'encoder.pth', {})
    for name in ('image_backbone', 'backbone'):
        detector = nn.Module()
        detector.add_module(name, nn.Conv2d(3, 4, 1))
        told = load_encoder(detector, path)
        assert told.loaded == [f'{name}.bias', f'{name}.weight']
        assert torch.equal(detector.get_submodule(name).weight, weights['image_backbone.weight'])


def a_detector(parts):
    return nn.ModuleDict({part: nn.Conv2d(3, 4, 1) for part in parts})


def test_a_trained_detector_gives_its_encoder(tmp_path):
    def taken(trained, into):
        path = write_encoder(a_detector(trained).state_dict(), tmp_path / 'epoch_1.pth', {})
        return {name.split('.')[0] for name in load_encoder(a_detector(into), path).loaded}

    assert taken(['backbone', 'bbox_head'], ['backbone', 'bbox_head']) == {'backbone'}
    assert taken(['backbone', 'bbox_head'], ['img_backbone', 'bbox_head']) == {'img_backbone'}
    fused = ['middle_encoder', 'img_backbone', 'backbone', 'bbox_head']  # backbone: of its map
    assert taken(fused, fused) == {'middle_encoder', 'img_backbone'}
    points = ['voxel_encoder', 'middle_encoder', 'backbone']
    assert taken(points, points) == {'voxel_encoder', 'middle_encoder'}


def test_other_files_are_refused_by_name(tmp_path):
    model = tiny_detector()
    weights = encoder_weights(model.state_dict())
    name = next(name for name in weights if name.endswith('conv_input.0.weight'))
    wide = dict(weights, **{name: torch.zeros(9, *weights[name].shape[1:])})
    with pytest.raises(CheckpointError, match=rf'{name} is \[9, .*1 tensors differ'):
        load_encoder(model, write_encoder(wide, tmp_path / 'wide.pth', {}))
    broken = dict(weights, **{name: weights[name] * float('nan')})
    with pytest.raises(CheckpointError, match='NaN or infinity in 1 tensors'):
        load_encoder(model, write_encoder(broken, tmp_path / 'broken.pth', {}))
    with pytest.raises(CheckpointError, match='holds no encoder'):
        load_encoder(model, write_encoder({'head.weight': torch.ones(2)}, tmp_path / 'h.pth', {}))
    with pytest.raises(CheckpointError, match='an encoder of another model'):
        load_encoder(model, write_encoder({'image_backbone.a': torch.ones(2)},
                                          tmp_path / 'i.pth', {}))

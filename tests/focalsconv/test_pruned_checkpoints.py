"""Released SPS-Conv weights become ours: the release's names around a known layout."""
from __future__ import annotations

import pytest
import torch

from baseline_layouts import pruned_tensors, tensors
from focalsconv.pruned_checkpoints import QUIRKS, convert, dense_names
from focalsconv.published_checkpoint import build_detector
from sparse3d.checkpoints import convert_checkpoint
from sparse3d.checkpoints.open import open_checkpoint
from sparse3d.engine.load_config import load_config
from sparse3d.errors import CheckpointError

CONFIG = 'spsconv_centerpoint_keep50_nuscenes'


def test_names_of_the_dense_encoder_come_back():
    assert sum('.conv_block.' in name for name in pruned_tensors()) == 16 * 2 + 3
    assert set(dense_names(pruned_tensors())) == set(tensors('openpcdet_centerpoint_nuscenes'))


def test_a_released_detector_is_loaded_with_its_biases_and_quirks(tmp_path):
    published = pruned_tensors()
    done = convert(published, CONFIG)
    assert done.config == CONFIG and done.published == QUIRKS
    encoder = 'middle_encoder.encoder_layers.encoder_layer'
    for ours, theirs in ((f'{encoder}1.0.conv1.bias', 'conv1.0.conv1.conv_block.bias'),
                         (f'{encoder}1.0.bn1.running_mean', 'conv1.0.bn1.running_mean'),
                         (f'{encoder}1.2.0.weight', 'conv2.0.conv.conv_block.weight'),
                         (f'{encoder}1.2.1.weight', 'conv2.0.bn1.weight'),
                         (f'{encoder}4.1.conv2.weight', 'conv4.2.conv2.conv_block.weight')):
        assert torch.equal(done.weights[ours], published[f'backbone_3d.{theirs}']), ours
    build_detector(CONFIG).load_state_dict(done.weights)
    torch.save(dict(model_state=published), tmp_path / 'released.pth')
    convert_checkpoint('spsconv', tmp_path / 'released.pth', tmp_path / 'ours.pth', CONFIG)
    opened = open_checkpoint(tmp_path / 'ours.pth')
    pruning = load_config(CONFIG, opened.options).model.middle_encoder.pruning
    assert all(pruning[name] for name in QUIRKS) and pruning.submanifold_keep_ratio == 0.5


@pytest.mark.parametrize(('change', 'words'), [
    (lambda weights: weights, 'do not tell how many voxels.*keep70_nuscenes'),
    (lambda weights: tensors('openpcdet_centerpoint_nuscenes'), 'has no pruned convolutions'),
    (lambda weights: {name: value for name, value in weights.items() if 'dense_head' not in name},
     'only CenterPoint on nuScenes was released')])
def test_what_it_cannot_be_is_said(change, words):
    with pytest.raises(CheckpointError, match=words):
        convert(change(pruned_tensors()))

"""A checkpoint alone: the config that it holds, or the one that it names."""
from __future__ import annotations

import pytest
import torch

from sparse3d.apis import load_config, load_detector
from sparse3d.checkpoints.open import Checkpoint
from sparse3d.engine.checkpoint_config import own_config
from sparse3d.errors import CheckpointError

NAME = 'centerpoint_simulated_kitti_car'


def opened(**meta) -> Checkpoint:
    return Checkpoint('a.pth', {}, {}, {}, meta)


def test_the_stored_config_gives_model_pipeline_and_classes():
    config = load_config(NAME)
    own = own_config(opened(cfg=config.pretty_text, config='something_else'))
    assert own.model == config.model and own.class_names == config.class_names
    dataset = own.test_dataloader.dataset
    assert dataset.metainfo.classes == config.class_names
    assert [step.type for step in dataset.pipeline] == [
        step.type for step in config.test_dataloader.dataset.pipeline]


def test_the_frames_of_a_video_are_those_of_the_test_dataset():
    config = load_config('sparsebev_r50_nuscenes')
    own = own_config(opened(cfg=config.pretty_text))
    assert own.test_dataloader.dataset.frames.num_frames == \
        config.test_dataloader.dataset.frames.num_frames == 8


@pytest.mark.parametrize('named', [NAME, f'configs/focalsconv/{NAME}.py'])
def test_a_converted_checkpoint_names_one_of_ours(named):
    assert own_config(opened(config=named)).model == load_config(NAME).model


@pytest.mark.parametrize('meta, words', [
    ({}, 'a.pth holds no config; name the one it belongs to'),
    ({'config': 'no_such_config'}, "belongs to the config no_such_config: there is no config"),
    ({'cfg': 'a = 1\n'}, 'no model or no test pipeline'),
    ({'cfg': 'import os\n'}, "a.pth: the config in the checkpoint is more than data")])
def test_without_one_it_is_refused_in_one_sentence(meta, words):
    with pytest.raises(CheckpointError) as refused:
        own_config(opened(**meta))
    assert words in str(refused.value) and '\n' not in str(refused.value)


def test_a_file_without_config_is_refused(tmp_path):
    torch.save({'state_dict': {'a': torch.ones(1)}}, tmp_path / 'a.pth')
    with pytest.raises(CheckpointError, match='holds no config'):
        load_detector(tmp_path / 'a.pth')


def test_no_file_of_the_working_directory_is_run(tmp_path, monkeypatch):
    (tmp_path / 'setup.py').write_text("open('touched', 'w')\n")
    monkeypatch.chdir(tmp_path)
    named = Checkpoint('weights.pth', {}, {}, {}, {'config': 'setup.py.py'})
    with pytest.raises(CheckpointError, match='there is no config'):
        own_config(named)
    assert not (tmp_path / 'touched').exists()

"""A published folder holds a whole model, and loads as the checkpoint that it was made of."""
from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from sparse3d.apis import build_model, load_config, load_detector
from sparse3d.apis.publish import CardFacts, config_text, model_card, publish, results_of
from sparse3d.checkpoints.hub import CONFIG, SUMS, WEIGHTS, HubFiles, read_sums, sum_of
from sparse3d.checkpoints.safetensors_files import read_with_meta
from sparse3d.errors import CheckpointError, ConfigError, DataError

NAME = 'centerpoint_simulated_kitti_car'
FACTS = CardFacts('apache-2.0', 'simulated drives')


@pytest.fixture(scope='module')
def checkpoint(tmp_path_factory):
    torch.manual_seed(0)
    path = tmp_path_factory.mktemp('weights') / 'epoch_6.pth'
    torch.save(dict(state_dict=build_model(load_config(NAME)).state_dict(), meta={}), path)
    return path


@pytest.fixture(scope='module')
def published(checkpoint, tmp_path_factory):
    folder = tmp_path_factory.mktemp('published') / 'car'
    picture = folder.parent / 'boxes.png'
    picture.write_bytes(b'\x89PNG')
    result = folder.parent / 'result.json'
    result.write_text(json.dumps(dict(command='python tools/test.py', runs=[
        dict(config=f'configs/baselines/{NAME}.py', seed=0, metrics=dict(AP=77.52))])))
    return publish(NAME, checkpoint, folder, CardFacts('apache-2.0', None, [result], [picture]))


def test_the_folder_holds_weights_config_sums_and_a_card(published):
    assert sorted(path.name for path in published.iterdir()) == [
        'README.md', SUMS, 'boxes.png', CONFIG, WEIGHTS]
    sums = read_sums((published / SUMS).read_text(), 'here')
    assert set(sums) == {'README.md', 'boxes.png', CONFIG, WEIGHTS}
    assert all(sum_of(published / name) == digest for name, digest in sums.items())
    card = (published / 'README.md').read_text()
    for words in ('license: apache-2.0', '| AP | 77.52 |', 'command: `python tools/test.py`',
                  '![boxes.png](boxes.png)', f'# {NAME}', 'Not said by who published it'):
        assert words in card


@pytest.fixture
def hub_of(monkeypatch):
    """Stands in for the download: the files of a folder, as fetch_repository gives them."""
    def of(folder: Path) -> None:
        monkeypatch.setattr('sparse3d.checkpoints.open.fetch_repository', lambda address: HubFiles(
            folder / WEIGHTS, (folder / CONFIG).read_text()))
    return of


def test_it_detects_what_the_checkpoint_detects(published, checkpoint, hub_of):
    hub_of(published)
    one, other = load_detector('hf://one/car', device='cpu'), load_detector(NAME, checkpoint, 'cpu')
    assert one.class_names == other.class_names
    random = np.random.default_rng(1)
    cloud = np.column_stack([random.uniform([0, -20, -2], [50, 20, 1], (2000, 3)),
                             random.uniform(size=2000)]).astype(np.float32)
    for detector in (one, other):
        detector.model.bbox_head.bbox_coder.score_threshold = 0.0
        detector.model.bbox_head.test_cfg.score_threshold = 0.0
    found, expected = one(cloud), other(cloud)
    assert len(found.scores) and np.array_equal(found.boxes_3d, expected.boxes_3d)
    with pytest.raises(ConfigError, match='hf://one/car holds a config and weights; leave the'):
        load_detector('hf://one/car', checkpoint)


@pytest.mark.parametrize('text, words', [
    ("import os\n", 'import'),
    ("model = dict(type='subprocess.Popen')\ntest_pipeline = [dict(type='PackDetInputs')]\n",
     'which nothing has registered'),
    ("custom_imports = dict(imports=['os'])\nmodel = dict(type='VoxelDetector')\n",
     "imports 'os', which is no installed plug-in")])
def test_a_config_that_is_more_than_data_is_refused(published, hub_of, monkeypatch, tmp_path, text,
                                                    words):
    (tmp_path / CONFIG).write_text(text)
    (tmp_path / WEIGHTS).write_bytes((published / WEIGHTS).read_bytes())
    hub_of(tmp_path)
    with pytest.raises(CheckpointError, match=f'^hf://one/car: .*{words}'):
        load_detector('hf://one/car', device='cpu')


def test_a_note_goes_along(checkpoint, tmp_path):
    content = torch.load(checkpoint)
    content['meta'] = {'point_statistics': {'frames': 2}}
    torch.save(content, tmp_path / 'a.pth')
    folder = publish(NAME, tmp_path / 'a.pth', tmp_path / 'out', FACTS)
    weights, note = read_with_meta(folder / WEIGHTS)
    assert set(weights) == set(content['state_dict']) and 'sparse3d' in note


def test_what_cannot_be_published_leaves_nothing(checkpoint, tmp_path):
    (tmp_path / 'there').mkdir()
    (tmp_path / 'there' / 'a').write_text('a')
    with pytest.raises(ConfigError, match='there is there already'):
        publish(NAME, checkpoint, tmp_path / 'there', FACTS)
    (tmp_path / 'other.json').write_text(json.dumps(dict(config='x/other.py', metrics=dict(a=1))))
    with pytest.raises(ConfigError, match=f'holds results of other, not of {NAME}'):
        publish(NAME, checkpoint, tmp_path / 'out',
                CardFacts('mit', None, [tmp_path / 'other.json']))
    with pytest.raises(DataError, match='is no picture'):
        publish(NAME, checkpoint, tmp_path / 'out',
                CardFacts('mit', None, (), [tmp_path / 'other.json']))
    with pytest.raises(CheckpointError, match='does not exist'):
        publish(NAME, tmp_path / 'absent.pth', tmp_path / 'out', FACTS)
    (tmp_path / 'no.json').write_text('{}')
    with pytest.raises(DataError, match='holds no metrics'):
        results_of([tmp_path / 'no.json'], NAME)
    assert not (tmp_path / 'out').exists()


def test_the_text_of_a_config_is_data():
    text = config_text(load_config(NAME))
    assert "'type': 'VoxelDetector'" in text and 'train_dataloader' not in text


def test_a_card_without_results_says_so():
    card = model_card('a', CardFacts('mit'), [], [], 1_500_000)
    assert '1.50 million parameters' in card and '## Result' not in card

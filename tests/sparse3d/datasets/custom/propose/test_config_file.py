"""A proposed config loads, agrees with itself, trains; nothing of the user's is overwritten."""
from __future__ import annotations

import numpy as np
import pytest

from sparse3d.apis import load_config, train
from sparse3d.checkpoints.open import open_checkpoint
from sparse3d.datasets.custom.prepare.frames import CustomPreparation, prepare_custom
from sparse3d.datasets.custom.propose.config_file import propose_config
from sparse3d.engine.agreement.check import check_config
from sparse3d.engine.dry_run import DryRun
from sparse3d.errors import DataError
from sparse3d.structures.point_statistics import PointStatistics
from sparse3d_cli import main

ODD = 'a person\'s {{$HOME:x}} "dog"'
ALONE = {'train_dataloader.num_workers': 0, 'val_dataloader.num_workers': 0}


def test_it_loads_and_agrees_with_the_data(write_street):
    root = write_street(behind=True)
    prepare_custom(root, CustomPreparation(database=False))
    proposal = propose_config(root)
    config = load_config(proposal.path)
    check_config(config, ['train', 'val', 'test'])
    assert proposal.path == root / 'centerpoint_mine.py'
    assert config.class_names == ['Car', 'Person'] and config.data_root == str(root)
    assert [task.class_names for task in config.model.bbox_head.tasks] == [['Car'], ['Person']]
    assert config.test_evaluator.iou_thresholds == [0.25, 0.5]
    steps = [step.type for step in config.train_dataloader.dataset.pipeline]
    assert 'GroundTruthSampling' not in steps  # there is no database
    text = proposal.path.read_text()
    assert '# 99 % of the boxes lie from x' in text and max(map(len, text.splitlines())) <= 100
    said = str(proposal).splitlines()
    assert len(said) == len(proposal.choices.reasons) + 2 and said[-1].startswith('wrote ')


def test_a_file_that_is_there_stays(write_street, capsys):
    root = write_street(4)
    prepare_custom(root)
    (root / 'mine.py').write_text('mine')
    assert main(['create-data', 'config', str(root), '--out', str(root / 'mine.py')]) == 2
    assert 'is there already' in capsys.readouterr().err
    assert (root / 'mine.py').read_text() == 'mine'
    with pytest.raises(DataError, match=r'ends in \.py'):
        propose_config(root, root / 'mine.yaml')
    assert main(['create-data', 'config', str(root), '--out', str(root / 'mine.py'),
                 '--overwrite']) == 0
    assert 'class_names' in (root / 'mine.py').read_text()


def test_a_folder_of_something_else_is_refused(tmp_path, capsys):
    assert main(['create-data', 'config', str(tmp_path)]) == 2
    assert 'holds no info file that a config can be proposed from' in capsys.readouterr().err


@pytest.mark.slow
def test_two_steps_with_odd_names_and_the_checkpoint_knows_the_points(write_street, tmp_path):
    root = write_street(6, {'Car': 3, ODD: 3}, name='my {{data}}, of $HOME')
    prepare_custom(root)
    path = propose_config(root).path
    assert load_config(path).class_names == ['Car', ODD]
    ready = train(path, tmp_path / 'dry', ALONE, dry_run=True)
    assert isinstance(ready, DryRun) and ready.samples == 5
    result = train(path, tmp_path / 'run', {**ALONE, 'train_dataloader.batch_size': 3}, epochs=1)
    found = PointStatistics.from_meta(open_checkpoint(result.checkpoint).meta)
    assert found.frames == 5 and found.columns == ('x', 'y', 'z', 'intensity')
    np.testing.assert_allclose(found.ground, -1.72, atol=0.05)
    assert {'boxes/mAP_3D_0.3', 'boxes/mAP_3D_0.7'} <= set(result.metrics)
    assert any(ODD in name for name in result.metrics)

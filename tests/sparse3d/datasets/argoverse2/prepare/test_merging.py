"""An Argoverse 2 preparation in parts gives what one run gives, from the command line too."""
from __future__ import annotations

import pytest

from argoverse2_logs import write_log
from sparse3d.datasets.argoverse2.prepare import (
    Argoverse2Preparation,
    merge_argoverse2,
    prepare_argoverse2,
)
from sparse3d.errors import DataError
from sparse3d.transforms.info_files import read_info_file, read_plain_file
from sparse3d_cli import main


@pytest.fixture(scope='module')
def logs(tmp_path_factory):
    """Three logs for training and one for validation."""
    root = tmp_path_factory.mktemp('logs')
    for name in 'abc':
        write_log(root, split='train', name=name, sweeps=3)
    write_log(root, name='d', sweeps=2)
    return root


def contents(out):
    return [repr(read_info_file(out / f'argoverse2_infos_{split}.pkl', 'argoverse2'))
            for split in ('train', 'val')] + [
        repr(read_plain_file(out / 'argoverse2_dbinfos_train.pkl'))]


def test_parts_are_joined_to_the_files_of_one_run(logs, tmp_path, capsys):
    whole = prepare_argoverse2(logs, tmp_path / 'whole',
                               options=Argoverse2Preparation(database_interval=1))
    given = ['create-data', 'argoverse2', str(logs), '--out', str(tmp_path / 'parts')]
    for part in ('1/2', '2/2'):
        assert main([*given, '--database-interval', '1', '--shard', part]) == 0
    assert not (tmp_path / 'parts/argoverse2_infos_train.pkl').exists()
    assert main([*given, '--merge']) == 0
    assert 'frames: train 9, val 2' in capsys.readouterr().out
    assert whole.objects == dict(REGULAR_VEHICLE=9)
    assert contents(tmp_path / 'parts') == contents(tmp_path / 'whole')
    assert not list((tmp_path / 'parts').glob('*.part-*'))


def test_missing_and_contradicting_parts_are_named(logs, tmp_path):
    with pytest.raises(DataError, match='holds no parts to merge'):
        merge_argoverse2(tmp_path)
    with pytest.raises(DataError, match='no part 3 of 2'):
        prepare_argoverse2(logs, tmp_path, shard=(3, 2))
    prepare_argoverse2(logs, tmp_path, shard=(1, 2))
    with pytest.raises(DataError, match='lacks part 2 of 2 of the split'):
        merge_argoverse2(tmp_path)
    prepare_argoverse2(logs, tmp_path, shard=(2, 2), options=Argoverse2Preparation(sweeps=1))
    with pytest.raises(DataError, match='different options'):
        merge_argoverse2(tmp_path)

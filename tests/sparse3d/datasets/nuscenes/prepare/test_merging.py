"""A nuScenes preparation in parts gives what one run gives."""
from __future__ import annotations

from pathlib import Path

import pytest

from sparse3d.datasets.nuscenes.prepare import NuScenesPreparation, merge_nuscenes, prepare_nuscenes
from sparse3d.datasets.nuscenes.simulate import NuScenesOptions, simulate_nuscenes
from sparse3d.errors import DataError
from sparse3d.transforms.info_files import read_info_file, read_plain_file


@pytest.fixture(scope='module')
def drives(tmp_path_factory) -> Path:
    """Five short scenes, four of them for training."""
    root = tmp_path_factory.mktemp('drives') / 'nuscenes'
    options = NuScenesOptions(seconds=1, image_width=16, lidar_rate=4, azimuths=40)
    simulate_nuscenes(root, 5, seed=1, options=options, show_progress=False)
    return root


def contents(out: Path) -> list[str]:
    return [repr(read_info_file(out / f'nuscenes_infos_{split}.pkl', 'nuscenes'))
            for split in ('train', 'val')] + [
        repr(read_plain_file(out / 'nuscenes_dbinfos_train.pkl'))]


def test_parts_are_joined_to_the_files_of_one_run(drives, tmp_path):
    whole = prepare_nuscenes(drives, out=tmp_path / 'whole')
    for part in (1, 2, 3):
        report = prepare_nuscenes(drives, out=tmp_path / 'parts', shard=(part, 3))
        assert report.frames['train'] == (4 if part == 1 else 2)
    assert not (tmp_path / 'parts/nuscenes_infos_train.pkl').exists()
    merged = merge_nuscenes(tmp_path / 'parts')
    assert merged.frames == whole.frames == {'train': 8, 'val': 2}
    assert merged.objects == whole.objects and sum(whole.objects.values()) > 20
    assert contents(tmp_path / 'parts') == contents(tmp_path / 'whole')
    assert not list((tmp_path / 'parts').glob('*.part-*'))


def test_missing_and_contradicting_parts_are_named(drives, tmp_path):
    with pytest.raises(DataError, match='holds no parts to merge'):
        merge_nuscenes(tmp_path)
    with pytest.raises(DataError, match='no part 3 of 2'):
        prepare_nuscenes(drives, out=tmp_path, shard=(3, 2))
    prepare_nuscenes(drives, out=tmp_path, shard=(1, 2))
    with pytest.raises(DataError, match='lacks part 2 of 2 of the split'):
        merge_nuscenes(tmp_path)
    prepare_nuscenes(drives, out=tmp_path, shard=(2, 2),
                     options=NuScenesPreparation(lidar_sweeps=1))
    with pytest.raises(DataError, match='different options'):
        merge_nuscenes(tmp_path)

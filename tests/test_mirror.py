"""Tests mirror the source tree: who changes a file finds its test under the same name."""
from __future__ import annotations

from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
TESTS = ROOT / 'tests'
SOURCES = ROOT / 'projects'
# What a package may have as a whole: configs, contracts, whether it learns, its GPU code, what its
# detector takes.
OF_THE_WHOLE_PACKAGE = {'configs', 'contracts', 'contract_references', 'learning', 'gpu', 'arrays',
                        'own_cameras', 'pipelines', 'detector'}
# Tests of what several files do together, each with what it is about.
ACROSS_FILES = {
    'sparse3d/compat/test_where_upstream_is_sound.py': 'every repair beside what it replaces',
    'sparse3d/datasets/argoverse2/test_official_package.py': 'simulate/, evaluate/ beside av2',
    'sparse3d/apis/test_results_of_others.py': 'visualize.py and analyze.py with --results',
    'sparse3d/apis/test_contracts.py': 'every verb asks the contracts',
    'sparse3d/datasets/waymo/prepare/test_older_records.py': 'read_v1.py, point_counts.py',
    'sparse3d/engine/test_own_config.py': 'a config of a user beside the installed ones',
    'sparse3d/test_damaged_files.py': 'every reader of files of others',
    'sparse3d/test_contract_references.py': 'what the contracts of this repository name is there',
    'sparse3d_cli/test_verbs.py': 'every verb: --help is light',
    'sparsebev/test_own_cameras.py': 'three cameras of other names, from preparation to boxes',
    'sparse3d/datasets/nuscenes/prepare/test_damaged_tables.py': 'tables.py, frames.py',
    'sparse3d/datasets/nuscenes/test_balanced.py': 'class-balanced sampling of the whole data set',
    'sparse3d/datasets/nuscenes/test_real_frame.py': 'a real frame through the whole room',
    'sparse3d/datasets/test_damaged_files.py': 'truncated and flipped files of all data sets',
    'sparse3d/datasets/waymo/evaluate/test_simulated.py': 'simulated segments to the metrics',
    'sparse3d/datasets/waymo/prepare/test_damaged_files.py': 'read_v1.py, read_v2.py',
    'sparse3d/engine/agreement/test_files.py': 'info files and checkpoints beside a config',
    'sparse3d/engine/schedules/test_in_training.py': 'schedules in a whole training',
    'sparse3d/models/heads/test_transfusion_parts.py': 'transfusion_*.py',
    'sparse3d/simulate/test_terrain_and_tracks.py': 'terrain.py, tracks.py',
    'sparse3d/structures/test_nuscenes_and_waymo_boxes.py': 'box_conversions.py, two data sets',
    'sparse3d/transforms/test_cloud_fuzz.py': 'damaged clouds of every kind',
    'sparsebev/test_parts.py': 'parts of the decoder layer against stored outputs',
    'sparsebev/test_sparse_backbones.py': 'detector.py, streaming.py, caches with such backbones',
    'sparsebev/test_training_parts.py': 'matching, losses and denoising',
    'sparsefusion/test_camera_geometry.py': 'camera_*.py, sparse_depth.py, voxel_heights.py',
    'sparsefusion/test_views_at_once.py': 'the view-wise layers against a loop over views',
}


def _mirrored() -> list[str]:
    packages = [path.name for path in SOURCES.iterdir() if path.is_dir()]
    return sorted(path.relative_to(TESTS).as_posix() for package in packages
                  for path in (TESTS / package).rglob('test_*.py'))


def source_of(test: str) -> bool:
    """Whether ``test`` (relative to tests/) has the file or package that it is named after."""
    folder, name = SOURCES / Path(test).parent, Path(test).stem.removeprefix('test_')
    return (folder / f'{name}.py').is_file() or (folder / name).is_dir()


def test_the_check_finds_a_test_without_source():
    assert source_of('sparse3d/test_safe_pickle.py')
    assert not source_of('sparse3d/test_unsafe_pickle.py')


@pytest.mark.parametrize('test', _mirrored())
def test_a_test_is_named_after_what_it_tests(test):
    name = Path(test).stem.removeprefix('test_')
    known = name in OF_THE_WHOLE_PACKAGE or name.startswith(('golden', 'published_'))
    assert (SOURCES / Path(test).parent).is_dir()
    assert known or source_of(test) or test in ACROSS_FILES, (
        f'tests/{test} has no projects/{Path(test).parent}/{name}.py')


def test_the_list_holds_no_more_than_it_must():
    gone = [test for test in ACROSS_FILES if not (TESTS / test).is_file()]
    mirrored = [test for test in ACROSS_FILES if source_of(test)]
    assert gone == [] and mirrored == []

"""What people bring in nuScenes' format: own cameras and scenes, parts of the download."""
from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from mmdet3d.registry import DATASETS

from nuscenes_changes import SIX, change_table, rename_cameras
from sparse3d.datasets.nuscenes.check import check_nuscenes
from sparse3d.datasets.nuscenes.evaluate.metric import NuScenesDetectionMetric
from sparse3d.datasets.nuscenes.prepare import NuScenesPreparation, prepare_nuscenes
from sparse3d.errors import DataError
from sparse3d.transforms.info_files import read_info_file

PLAIN = NuScenesPreparation(database=False)


@pytest.fixture
def copy(simulated_nuscenes, tmp_path) -> Path:
    """The data set with files that may be changed."""
    shutil.copytree(simulated_nuscenes, tmp_path / 'copy')
    return tmp_path / 'copy'


def dataset(root: Path, split: str = 'train', **options):
    options = dict(modality=dict(use_lidar=False, use_camera=True), frames=dict(num_frames=2),
                   metainfo=dict(classes=['car', 'pedestrian'])) | options
    pipeline = [dict(step, type=f'mmdet3d.{step["type"]}')
                for step in options.pop('pipeline', [dict(type='LoadMultiViewImages')])]
    return DATASETS.build(dict(
        type='mmdet3d.NuScenesDetectionDataset', data_root=str(root), pipeline=pipeline,
        ann_file=f'nuscenes_infos_{split}.pkl', **options))


OWN = [{'CAM_FRONT': 'FRONT', 'CAM_BACK': 'rear view', 'CAM_BACK_LEFT': 'LEFT'},
       {'CAM_FRONT': 'cam0'}, dict(zip(SIX, ('a', 'b', 'c', 'd', 'e', 'f'), strict=True))]


@pytest.mark.parametrize('names', OWN, ids=['three', 'one', 'six'])
def test_own_cameras_of_any_names_and_number(copy, names):
    rename_cameras(copy, names)
    prepare_nuscenes(copy, options=PLAIN)
    report = check_nuscenes(copy)
    assert not report.problems and all(name in str(report) for name in names.values())
    loader = dict(type='LoadMultiViewImages', cameras=list(names.values()))
    for sample in dataset(copy, pipeline=[loader]):
        assert sample['image_valid'].all() and len(sample['img']) == 2 * len(names)
        assert min(image.max() for image in sample['img']) > 50
        assert all(name in path for name, path in
                   zip(list(names.values()) * 2, sample['img_path'], strict=True))
    with pytest.raises(DataError, match='cameras .*differ') as refused:
        dataset(copy)
    assert all(name in str(refused.value) for name in (*names.values(), 'CAM_FRONT_RIGHT'))


@pytest.mark.parametrize('channel, modality, way_out', [
    ('CAM_FRONT', 'lidar', 'its files are like samples/CAM_FRONT/.*: write camera there'),
    ('CAM_BACK', 'Camera', 'write camera there'), ('CAM_BACK', None, 'None, but'),
    ('LIDAR_TOP', 'camera', 'LIDAR_TOP/.*: write lidar or radar there'),
    ('LIDAR_TOP', 'laser', "'laser', but")])
def test_a_wrong_modality_is_named(copy, channel, modality, way_out):
    change_table(copy, 'sensor', lambda rows: [
        dict(row, modality=modality if row['channel'] == channel else row['modality'])
        for row in rows])
    with pytest.raises(DataError, match=f'table sensor .*{channel} the modality .*{way_out}'):
        prepare_nuscenes(copy, options=PLAIN)


def test_the_modality_of_own_cameras_and_of_those_without_files(copy):
    rename_cameras(copy, {'CAM_FRONT': 'FRONT'})
    change_table(copy, 'sensor', lambda rows: [
        dict(row, modality='lidar' if row['channel'] == 'FRONT' else row['modality'])
        for row in rows])
    with pytest.raises(DataError, match='FRONT the modality .*write camera there'):
        prepare_nuscenes(copy, options=PLAIN)
    change_table(copy, 'sensor', lambda rows: [
        *(dict(row, modality='camera' if row['channel'] == 'FRONT' else row['modality'])
          for row in rows), dict(token='more', channel='CAM_FRONT', modality='radar')])
    with pytest.raises(DataError, match='CAM_FRONT .*but it is a camera of nuScenes: write camera'):
        prepare_nuscenes(copy, options=PLAIN)


def test_pictures_that_lie_elsewhere_are_named(copy):
    change_table(copy, 'sample_data', lambda rows: [
        dict(row, filename=row['filename'].replace('samples/CAM_BACK/', 'samples/other/'))
        for row in rows])
    (copy / 'samples/CAM_BACK').rename(copy / 'samples/other')
    with pytest.raises(DataError, match='of CAM_BACK .*has to lie in samples/CAM_BACK/'):
        prepare_nuscenes(copy, options=PLAIN)


def test_cameras_alone(copy):
    for folder in ('samples', 'sweeps'):
        shutil.rmtree(copy / folder / 'LIDAR_TOP')
    report = prepare_nuscenes(copy)
    assert report.frames == {'train': 5, 'val': 5} and not report.damaged
    assert 'samples/LIDAR_TOP is not there' in str(report) and not report.objects
    assert not check_nuscenes(copy).problems
    assert all(sample['image_valid'].all() for sample in dataset(copy))
    with pytest.raises(DataError, match='LIDAR_TOP.* does not exist'):
        dataset(copy, modality=dict(use_lidar=True, use_camera=True))


def test_point_clouds_that_are_not_wanted(copy):
    prepare_nuscenes(copy, options=NuScenesPreparation(lidar=False))
    info = read_info_file(copy / 'nuscenes_infos_train.pkl', 'nuscenes')
    assert all('lidar_sweeps' not in entry for entry in info['data_list'])
    assert not (copy / 'nuscenes_dbinfos_train.pkl').exists()


def test_lidar_alone(copy):
    for camera in (*copy.glob('samples/CAM_*'), *copy.glob('sweeps/CAM_*')):
        shutil.rmtree(camera)
    report = prepare_nuscenes(copy, options=PLAIN)
    assert report.frames == {'train': 5, 'val': 5} and 'LiDAR models alone' in str(report)
    assert not check_nuscenes(copy).problems


def test_neither_is_an_error(copy):
    shutil.rmtree(copy / 'samples')
    with pytest.raises(DataError, match='holds no file of LIDAR_TOP, CAM_FRONT.*nothing to'):
        prepare_nuscenes(copy, options=NuScenesPreparation(skip_damaged=True))


@pytest.mark.parametrize('skip', [False, True])
def test_key_frames_alone(copy, skip):
    shutil.rmtree(copy / 'sweeps')
    report = prepare_nuscenes(copy, options=NuScenesPreparation(
        database=False, skip_damaged=skip))
    assert report.frames == {'train': 5, 'val': 5} and len(str(report).splitlines()) < 8
    assert '--lidar-sweeps 0' in str(report) and '--camera-sweeps 0' in str(report)
    assert not check_nuscenes(copy).problems


def test_absent_sweeps_are_counted_by_folder(copy):
    gone = 0
    for path in sorted(copy.glob('sweeps/CAM_BACK/*'))[1:]:
        path.unlink()
        gone += 1
    report = prepare_nuscenes(copy, options=NuScenesPreparation(
        database=False, skip_damaged=True))
    assert gone > 4 and len(report.damaged) == 1
    assert 'sweeps/CAM_BACK do not exist' in report.damaged[0]
    assert report.damaged[0].count('.jpg') == 3


def test_maps_are_not_needed(copy):
    shutil.rmtree(copy / 'maps', ignore_errors=True)
    assert sum(prepare_nuscenes(copy, options=PLAIN).frames.values()) == 10


def test_damaged_pictures_are_named_and_left_out(copy):
    front, back = (sorted((copy / 'samples' / camera).iterdir())[0]
                   for camera in ('CAM_FRONT', 'CAM_BACK'))
    front.write_bytes(front.read_bytes()[:-100])
    back.write_bytes(b'')
    with pytest.raises(DataError, match=r'2 picture\(s\) of .*(cut short|empty)'):
        prepare_nuscenes(copy, options=PLAIN)
    report = prepare_nuscenes(copy, options=NuScenesPreparation(
        database=False, skip_damaged=True))
    assert len(report.damaged) == 2 and sum(report.frames.values()) == 10
    assert not check_nuscenes(copy).problems


def test_the_check_finds_pictures_damaged_later(copy):
    prepare_nuscenes(copy, options=PLAIN)
    key = sorted((copy / 'samples/CAM_FRONT').iterdir())[2]
    sweep = sorted((copy / 'sweeps/CAM_BACK').iterdir())[7]
    for path in (key, sweep):
        path.write_bytes(path.read_bytes()[:-9])
    problems = '\n'.join(check_nuscenes(copy).problems)
    assert 'cannot be used' in problems and 'cut short' in problems
    assert key.name in problems or sweep.name in problems


def test_pictures_of_another_size_than_their_records(copy):
    change_table(copy, 'sample_data', lambda rows: [
        dict(row, width=1600, height=900) if row['width'] else row for row in rows])
    prepare_nuscenes(copy, options=PLAIN)
    assert '80 x 45 pixels as stored, its record 1600 x 900' in str(check_nuscenes(copy))


def test_boxes_without_points_are_said_before_a_training(copy):
    change_table(copy, 'sample_annotation', lambda rows: [
        dict(row, num_lidar_pts=0) for row in rows])
    prepare_nuscenes(copy)
    problems = check_nuscenes(copy).problems
    assert any("has a LiDAR point" in text and "objects='all'" in text for text in problems)
    with pytest.raises(DataError, match="none of the .* is ground truth.*objects='all'"):
        dataset(copy)
    assert len(dataset(copy, objects='all')) == len(dataset(copy, test_mode=True)) == 5


def rename_scenes(root: Path) -> None:
    change_table(root, 'scene', lambda rows: [
        dict(row, name=f'town {number}') for number, row in enumerate(rows)])


def test_own_scenes_are_all_used_and_scored(copy):
    rename_scenes(copy)
    report = prepare_nuscenes(copy, options=PLAIN)
    assert report.frames == {'train': 5, 'val': 5} and '--val-scenes' in str(report)
    assert not check_nuscenes(copy).problems
    metric = NuScenesDetectionMetric(str(copy), str(copy / 'nuscenes_infos_val.pkl'))
    metric.dataset_meta = dict(classes=['car'])
    assert metric.compute_metrics([])['NDS'] == 0


def test_scenes_of_val_are_named(copy):
    rename_scenes(copy)
    options = NuScenesPreparation(database=False, val_scenes=('town 0',))
    prepare_nuscenes(copy, options=options)
    names = {split: {entry['scene_name'] for entry in read_info_file(
        copy / f'nuscenes_infos_{split}.pkl', 'nuscenes')['data_list']}
        for split in ('train', 'val')}
    assert names == {'train': {'town 1'}, 'val': {'town 0'}}
    with pytest.raises(DataError, match="no scene 'twn 0'.*did you mean 'town 0'"):
        prepare_nuscenes(copy, options=NuScenesPreparation(val_scenes=('twn 0',)))


@pytest.mark.parametrize('factor', [1e-6, 1e-3, 1e3])
def test_tables_in_another_unit_of_time_are_refused(copy, factor):
    change_table(copy, 'sample', lambda rows: [
        dict(row, timestamp=row['timestamp'] * factor) for row in rows])
    with pytest.raises(DataError, match='need microseconds'):
        prepare_nuscenes(copy, options=PLAIN)


@pytest.mark.parametrize(('table', 'change', 'message'), [
    ('sample_data', lambda rows: [dict(row, timestamp=row['timestamp'] * 1000) for row in rows],
     'of a sample of .* was recorded at .* both tables need microseconds'),
    ('sample', lambda rows: [dict(row, next='') for row in rows],
     r'has \d samples, and its first one leads to 1 of them'),
    ('sample', lambda rows: [*rows, dict(rows[0], timestamp=0)],
     r'sample.json has \d+ rows and \d+ tokens: some stand twice'),
])
def test_samples_that_would_be_lost_or_mixed_up_are_refused(copy, table, change, message):
    change_table(copy, table, change)
    with pytest.raises(DataError, match=message):
        prepare_nuscenes(copy, options=PLAIN)


def test_samples_without_a_lidar_record_are_one_sentence(copy):
    change_table(copy, 'sensor', lambda rows: [
        dict(row, channel='LIDAR_SIDE') if row['modality'] == 'lidar' else row for row in rows])
    with pytest.raises(DataError, match='has no record of LIDAR_TOP'):
        prepare_nuscenes(copy, options=PLAIN)

"""Samples of a hand-made Waymo info file: two segments of a turning vehicle."""
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from mmdet3d.registry import DATASETS
from mmengine.config import Config
from mmengine.dataset import pseudo_collate
from mmengine.registry import init_default_scope

import sparse3d.register  # noqa: F401
from sparse3d.datasets.waymo.evaluate.frames import WaymoFrames, frame_key
from sparse3d.errors import ConfigError, DataError
from sparse3d.transforms.info_files import read_info_file, write_info_file, write_plain_file

FIXTURES = Path(__file__).resolve().parents[3] / 'fixtures'
LANDMARK = np.array([30.0, 5.0, 1.0])         # global frame [m], relative to the origin below
ORIGIN = np.array([-12000.0, 8000.0, 30.0])
PIPELINE = [dict(type='LoadWaymoPoints'), dict(type='LoadAnnotations3D'),
            dict(type='Pack3DDetInputs', keys=['points', 'gt_bboxes_3d', 'gt_labels_3d'])]
PEOPLE_PIPELINE = [
    dict(type='LoadWaymoPoints'), dict(type='RemovePointsInOtherBoxes'),
    dict(type='LoadAnnotations3D'), dict(type='LoadKeypoints3D'),
    dict(type='PackSample',
         keys=['points', 'gt_bboxes_3d', 'gt_labels_3d', 'gt_keypoints_3d'])]


def pose_at(step: int) -> np.ndarray:
    """4 m and 0.1 rad a step."""
    pose = np.eye(4)
    angle = .1 * step
    pose[:2, :2] = [[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]
    pose[:3, 3] = ORIGIN + (4.0 * step, .2 * step**2, 0)
    return pose


def cloud_at(step: int) -> np.ndarray:
    """The landmark, a point in each object of `objects`, the index of the pixel last."""
    seen = np.linalg.inv(pose_at(step)) @ np.append(ORIGIN + LANDMARK, 1)
    rows = [[*seen[:3], 2.0, .5, 7], [10, 0, 1, 3, .1, 8], [5, 5, 1, 3, .1, 9],
            [-5, 5, 1, 3, .1, -1]]
    return np.array(rows, dtype=np.float32)


def objects(step: int) -> list[dict]:
    """A car, a pedestrian with joints in even frames, a cyclist, something unknown."""
    joints = np.arange(42.0).reshape(14, 3) / 100 + (5, 5, 0)
    posed = dict(keypoints_3d=joints.tolist(), keypoints_visible=[2] * 7 + [1] * 6 + [0])
    return [
        dict(bbox_3d=[10, 0, .1, 4, 2, 1.5, .3], bbox_label_3d=0, num_lidar_pts=1, track_id='car',
             difficulty=2, velocity=[3.0, 1.0]),
        dict(bbox_3d=[5, 5, 0, .8, .8, 1.8, 0], bbox_label_3d=1, num_lidar_pts=1, track_id='walker',
             difficulty=1, velocity=[np.nan, np.nan], **({} if step % 2 else posed)),
        dict(bbox_3d=[-5, 5, 0, 1.8, .6, 1.7, 0], bbox_label_3d=2, num_lidar_pts=9,
             track_id='rider', difficulty=1, velocity=[0.0, 0.0]),
        dict(bbox_3d=[-9, 5, 0, 1, 1, 1, 0], bbox_label_3d=-1, num_lidar_pts=9)]


@pytest.fixture(autouse=True)
def _registries():
    init_default_scope('mmdet3d')


@pytest.fixture(scope='module')
def data_root(tmp_path_factory):
    root = tmp_path_factory.mktemp('waymo')
    for split, folder, digit in (('train', 'training', 0), ('val', 'validation', 1)):
        (root / folder / 'velodyne').mkdir(parents=True)
        (root / folder / 'image_0').mkdir()
        entries = []
        for step in range(4):
            name = f'{digit}000{step:03d}'
            (root / folder / 'velodyne' / f'{name}.bin').write_bytes(cloud_at(step).tobytes())
            (root / folder / 'image_0' / f'{name}.jpg').write_bytes(b'')
            sweeps = [dict(timestamp=entry['timestamp'], ego2global=entry['ego2global'],
                           lidar_points=dict(lidar_path=entry['lidar_points']['lidar_path']))
                      for entry in entries[::-1]]
            image = dict(img_path=f'{name}.jpg', height=4, width=4, lidar2img=np.eye(4).tolist())
            entries.append(dict(
                sample_idx=int(name), timestamp=100_000 * step, context_name=split,
                ego2global=pose_at(step).tolist(), images=dict(CAM_FRONT=image),
                lidar_points=dict(lidar_path=f'{name}.bin', num_pts_feats=6),
                lidar_sweeps=sweeps, instances=objects(step)))
        write_info_file(root / f'waymo_infos_{split}.pkl', dict(dataset='waymo', stamp={}), entries)
    return root


def build(root, kind='WaymoDetectionDataset', split='train', pipeline=PIPELINE, **options):
    return DATASETS.build(dict(type=kind, data_root=str(root), pipeline=pipeline,
                               ann_file=f'waymo_infos_{split}.pkl', **options))


def names(dataset):
    return [Path(dataset.get_data_info(row)['lidar_path']).stem for row in range(len(dataset))]


def test_a_sample(data_root):
    dataset = build(data_root)
    info, sample = dataset.get_data_info(2), dataset[2]
    assert len(dataset) == 4 and info['lidar_path'].endswith('training/velodyne/0000002.bin')
    assert info['context_name'] == 'train' and info['ann_info']['track_ids'][0] == 'car'
    assert info['ann_info']['difficulties'].tolist() == [2, 1, 1]
    truth = sample['data_samples'].gt_instances_3d
    assert truth.labels_3d.tolist() == [0, 1, 2]
    assert truth.bboxes_3d.tensor[0].tolist() == pytest.approx([10, 0, .1, 4, 2, 1.5, .3])
    points = sample['inputs']['points']
    np.testing.assert_allclose(points[0, 3:], [np.tanh(2.0), .5], rtol=1e-6)


def test_classes_are_chosen_and_ordered(data_root):
    dataset = build(data_root, metainfo=dict(classes=['Cyclist', 'Car']))
    assert dataset.get_ann_info(0)['gt_labels_3d'].tolist() == [1, 0]
    with pytest.raises(ConfigError, match="'Vehicle' in metainfo is not one of.*Car"):
        build(data_root, metainfo=dict(classes=['Vehicle']))


def test_every_nth_frame_and_velocities(data_root):
    dataset = build(data_root, load_interval=3, with_velocity=True)
    assert names(dataset) == ['0000000', '0000003']
    boxes = dataset.get_ann_info(0)['gt_bboxes_3d'].tensor
    assert boxes[:, 7:].tolist() == [[3, 1], [0, 0], [0, 0]]  # unknown is 0
    with pytest.raises(ConfigError, match='load_interval is 0'):
        build(data_root, load_interval=0)


@pytest.mark.parametrize('frames', [1, 2, 4])
def test_earlier_frames_of_a_turning_vehicle_lie_on_the_present_one(data_root, frames):
    """What stands still in the world stands still in the vehicle frame of now."""
    pipeline = [dict(type='LoadWaymoPoints', num_frames=frames), *PIPELINE[1:]]
    points = build(data_root, pipeline=pipeline)[3]['inputs']['points']
    assert points.shape == (4 * frames, 6 if frames > 1 else 5)
    landmark = points[::4]
    np.testing.assert_allclose(landmark[:, :3] - points[0, :3], 0, atol=1e-5)
    if frames > 1:
        np.testing.assert_allclose(landmark[:, 5], .1 * np.arange(frames), atol=1e-6)


def test_a_segment_begins_with_fewer_frames(data_root):
    pipeline = [dict(type='LoadWaymoPoints', num_frames=4), *PIPELINE[1:]]
    dataset = build(data_root, pipeline=pipeline)
    assert [len(dataset[row]['inputs']['points']) for row in range(4)] == [4, 8, 12, 16]


def test_more_frames_than_the_data_set_keeps(data_root):
    pipeline = [dict(type='LoadWaymoPoints', num_frames=4), *PIPELINE[1:]]
    assert len(build(data_root, pipeline=pipeline, max_sweeps=2)[2]['inputs']['points']) == 12
    with pytest.raises(ConfigError, match='set its max_sweeps to 3'):
        build(data_root, pipeline=pipeline, max_sweeps=2)[3]


def test_memory_of_a_frame(data_root):
    """160,000 frames with 40 objects each have to fit into every process."""
    dataset = build(data_root)
    dataset.full_init()
    assert len(dataset.data_bytes) / len(dataset) < 4096


def test_wrong_options_of_the_loader():
    from sparse3d.datasets.waymo.load_points import LoadWaymoPoints
    with pytest.raises(ConfigError, match='at least one frame'):
        LoadWaymoPoints(num_frames=0)
    with pytest.raises(ConfigError, match='tanh names color'):
        LoadWaymoPoints(tanh=['color'])


def test_testing_finds_the_frame_again_and_can_be_drawn(data_root):
    dataset = build(data_root, split='val', test_mode=True,
                    pipeline=[PIPELINE[0], dict(type='Pack3DDetInputs', keys=['points'])])
    sample = dataset[1]['data_samples']
    frames = WaymoFrames(dict(data_list=[dict(lidar_points=dict(lidar_path='1000001.bin'))]), '')
    assert frames.place(frame_key(sample.metainfo)) == 0
    assert len(sample.eval_ann_info['gt_labels_3d']) == 3
    assert set(dataset.get_data_info(0)['images']) == {'CAM_FRONT'}
    assert 'images' not in build(data_root).get_data_info(0)


def test_people_with_joints(data_root):
    dataset = build(data_root, 'WaymoKeypointDataset', pipeline=PEOPLE_PIPELINE)
    assert names(dataset) == ['0000000', '0000002']
    assert dataset.metainfo['classes'] == ('Human',)
    truth = dataset[1]['data_samples'].gt_instances_3d
    assert len(truth) == 1 and truth.labels_3d.tolist() == [0]
    np.testing.assert_allclose(truth.keypoints_3d.points[0, 1], [5.03, 5.04, .05], rtol=1e-6)
    assert truth.keypoints_3d.visibility[0].tolist() == [2] * 7 + [1] * 6 + [0]
    batch = pseudo_collate([dataset[0], dataset[1]])
    assert [len(sample.gt_instances_3d) for sample in batch['data_samples']] == [1, 1]


def test_cleaned_clouds_lack_the_points_of_everybody_else(data_root):
    """Left are the landmark and the pedestrian's point; those of car and cyclist are gone."""
    cleaned = build(data_root, 'WaymoKeypointDataset', pipeline=PEOPLE_PIPELINE)[0]
    raw = build(data_root, 'WaymoKeypointDataset', pipeline=[
        step for step in PEOPLE_PIPELINE if step['type'] != 'RemovePointsInOtherBoxes'])[0]
    assert len(raw['inputs']['points']) == 4
    assert torch.equal(cleaned['inputs']['points'], raw['inputs']['points'][[0, 2]])


def test_frames_without_labeled_people_on_request(data_root):
    dataset = build(data_root, 'WaymoKeypointDataset', pipeline=PEOPLE_PIPELINE,
                    only_labeled_frames=False)
    truth = dataset[1]['data_samples'].gt_instances_3d
    assert len(dataset) == 4 and len(truth.keypoints_3d) == 0
    assert len(truth.bboxes_3d) == 0


def test_frames_without_objects_or_points_are_samples(data_root, tmp_path):
    (tmp_path / 'testing' / 'velodyne').mkdir(parents=True)
    (tmp_path / 'testing' / 'velodyne' / '2000000.bin').write_bytes(b'')
    entry = dict(sample_idx=2000000, timestamp=0, ego2global=np.eye(4).tolist(),
                 lidar_points=dict(lidar_path='2000000.bin'))
    write_info_file(tmp_path / 'waymo_infos_test.pkl', dict(dataset='waymo', stamp={}), [entry])
    sample = build(tmp_path, split='test')[0]
    assert sample['inputs']['points'].shape == (0, 5)
    assert len(sample['data_samples'].gt_instances_3d) == 0


@pytest.mark.parametrize('name, message', [
    ('../0000000.bin', 'digit of a split'), ('9000000.bin', 'digit of a split'),
    ('0/../../../a.bin', 'leaves the folder'), ('0000099.bin', '0000099.bin.*does not exist')])
def test_bad_names_of_files(tmp_path, name, message):
    entry = dict(sample_idx=0, timestamp=0, ego2global=np.eye(4).tolist(),
                 lidar_points=dict(lidar_path=name))
    write_info_file(tmp_path / 'waymo_infos_train.pkl', dict(dataset='waymo', stamp={}), [entry])
    with pytest.raises(DataError, match=message):
        build(tmp_path)


def test_info_files_of_mmdet3d(tmp_path):
    """What mmdet3d's own converter wrote for the tiny segment; it knows no tracks, no joints."""
    published = json.loads((FIXTURES / 'waymo_frame' / 'waymo_infos_train.json').read_text())
    write_plain_file(tmp_path / 'waymo_infos_train.pkl', published)
    dataset = build(tmp_path, check_files=False, test_mode=True)
    info, entry = dataset.get_data_info(1), published['data_list'][1]
    truth = info['eval_ann_info']
    assert len(dataset) == 2 and len(info['lidar_sweeps']) == 1
    np.testing.assert_allclose(truth['gt_bboxes_3d'].tensor,
                               [item['bbox_3d'] for item in entry['instances']], rtol=1e-6)
    assert not truth['gt_keypoints_3d'].valid.any() and set(truth['track_ids']) == {''}
    assert info['images']['CAM_SIDE_RIGHT']['img_path'].endswith('training/image_4/0000001.jpg')


def test_entries_of_another_layout(tmp_path):
    write_info_file(tmp_path / 'waymo_infos_train.pkl', dict(dataset='waymo', stamp={}), [dict()])
    with pytest.raises(DataError, match='entry 0 .* not a Waymo frame'):
        build(tmp_path)


def write_database(root):
    """One object per class, 10 points each, one of them with joints."""
    points = np.tile(np.float32([0, 0, .5, 5, .2, 0]), (10, 1))
    (root / 'object.bin').write_bytes(points.tobytes())
    entry = dict(path='object.bin', num_points_in_gt=10, difficulty=1, image_idx='x', gt_idx=0)
    boxes = dict(Car=[20, 9, 0, 4, 2, 2, 0], Pedestrian=[15, 9, 0, 1, 1, 2, 0],
                 Cyclist=[15, -9, 0, 2, 1, 2, 0], Human=[12, 12, 0, 1, 1, 2, 0])
    entries = {name: dict(entry, name=name, box3d_lidar=np.float32(box))
               for name, box in boxes.items()}
    entries['Human'].update(keypoints_3d=np.full((14, 3), .25), keypoints_visible=np.full(14, 2))
    for file, names in (('waymo_dbinfos_train', ('Car', 'Pedestrian', 'Cyclist')),
                        ('waymo_people_dbinfos_train', ('Car', 'Human'))):
        write_plain_file(root / f'{file}.pkl', {name: [entries[name]] for name in names})


@pytest.mark.parametrize('name, columns', [
    ('waymo_3class', 5), ('waymo_3class_2frames', 6), ('waymo_3class_4frames', 6),
    ('simulated_waymo', 5)])
def test_detection_configs(data_root, name, columns, monkeypatch):
    write_database(data_root)
    for variable in ('SPARSE3D_WAYMO', 'SPARSE3D_SIMULATED_WAYMO'):
        monkeypatch.setenv(variable, str(data_root))
    config = Config.fromfile(f'configs/_base_/datasets/{name}.py')
    sample = DATASETS.build(config.train_dataloader.dataset)[2]
    points = sample['inputs']['points']
    assert points.shape[1] == columns and points[:, 3].max() < 1
    pasted = points[:, 3] == np.tanh(np.float32(5))
    assert pasted.sum() == 30 and len(sample['data_samples'].gt_instances_3d) == 6
    assert columns == 5 or not points[pasted, 5].any()
    tested = DATASETS.build(config.test_dataloader.dataset)[3]['inputs']['points']
    assert len(tested) == 4 * (int(name[-7]) if columns == 6 else 1)


@pytest.mark.parametrize('name', ['waymo_keypoints', 'simulated_waymo_keypoints'])
def test_keypoint_configs(data_root, name, monkeypatch):
    write_database(data_root)
    for variable in ('SPARSE3D_WAYMO', 'SPARSE3D_SIMULATED_WAYMO'):
        monkeypatch.setenv(variable, str(data_root))
    config = Config.fromfile(f'configs/_base_/datasets/{name}.py')
    sample = DATASETS.build(config.train_dataloader.dataset)[0]
    truth = sample['data_samples'].gt_instances_3d
    assert len(truth) == len(truth.keypoints_3d) == 2  # the walker and the pasted person
    pasted = sample['inputs']['points'][:, 3] == np.tanh(np.float32(5))
    assert pasted.sum() == 20  # the vehicle has points but no label
    offset = truth.keypoints_3d.points[1] - truth.bboxes_3d.tensor[1, :3]
    assert offset.norm(dim=-1).allclose(torch.tensor(.25 * 3 ** .5), rtol=.06)
    tested = DATASETS.build(config.test_dataloader.dataset)[0]['inputs']['points']
    assert len(tested) == (1 if name.startswith('simulated') else 2)  # how far the range goes


@pytest.mark.parametrize('matrix', ['lidar2img', 'lidar2cam'])
def test_a_calibration_through_which_nothing_is_seen(data_root, tmp_path, matrix):
    info = read_info_file(data_root / 'waymo_infos_val.pkl', 'waymo')
    info['data_list'][2]['images']['CAM_FRONT'][matrix] = np.diag([1.0, 1, 0, 1]).tolist()
    path = data_root / 'waymo_infos_odd.pkl'
    write_info_file(path, dict(dataset='waymo', stamp={}), info['data_list'])
    with pytest.raises(DataError, match=f'the {matrix} of 1000002.jpg is singular'):
        build(data_root, split='odd', test_mode=True)
    assert len(build(data_root, split='odd'))  # points alone
    path.unlink()

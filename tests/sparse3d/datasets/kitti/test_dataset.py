import pickle
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from mmcv.ops import points_in_boxes_cpu
from mmdet3d.registry import DATASETS, TRANSFORMS
from mmengine.config import Config
from mmengine.dataset import RepeatDataset, pseudo_collate
from mmengine.registry import init_default_scope
from torch.utils.data import DataLoader

from sparse3d.datasets.kitti.prepare import prepare_kitti
from sparse3d.errors import ConfigError, DataError
from sparse3d.transforms import EpochSampler
from sparse3d.transforms.info_files import read_plain_file, write_plain_file

CLASSES = ['Car', 'Pedestrian', 'Cyclist']
RANGE = [0, -40, -3, 70.4, 40, 1]


@pytest.fixture(autouse=True)
def _scope():
    init_default_scope('mmdet3d')


@pytest.fixture
def prepared(small_kitti):
    prepare_kitti(small_kitti.root)
    return small_kitti.root


def train_pipeline(root, classes=CLASSES, **sampling):
    options = dict(type='GroundTruthSampling', classes=classes, groups=dict(Car=4, Cyclist=2),
                   database=dict(data_root=str(root),
                                 info_path=str(root / 'kitti_dbinfos_train.pkl')))
    return [
        dict(type='LoadPoints'),
        dict(type='LoadAnnotations3D', with_bbox_3d=True, with_label_3d=True),
        dict(options, **sampling),
        dict(type='RandomFlip3D', sync_2d=False, flip_ratio_bev_horizontal=0.5),
        dict(type='GlobalRotScaleTrans', rot_range=[-0.7, 0.7], scale_ratio_range=[0.95, 1.05]),
        dict(type='PointsRangeFilter', point_cloud_range=RANGE),
        dict(type='ObjectRangeFilter', point_cloud_range=RANGE),
        dict(type='PointShuffle'),
        dict(type='Pack3DDetInputs', keys=['points', 'gt_bboxes_3d', 'gt_labels_3d'])]


def build(root, pipeline=(), split='train', **options):
    options = {'metainfo': dict(classes=CLASSES),
               'data_prefix': dict(pts='training/velodyne_reduced', img='training/image_2'),
               'modality': dict(use_lidar=True, use_camera=False), **options}
    return DATASETS.build(dict(
        type='KittiDetectionDataset', data_root=str(root), ann_file=f'kitti_infos_{split}.pkl',
        pipeline=list(pipeline), **options))


PLAIN = [dict(type='LoadPoints'),
         dict(type='LoadAnnotations3D', with_bbox_3d=True, with_label_3d=True),
         dict(type='Pack3DDetInputs', keys=['points', 'gt_bboxes_3d', 'gt_labels_3d'])]
TEST = [dict(type='LoadPoints'), dict(type='PointsRangeFilter', point_cloud_range=RANGE),
        dict(type='Pack3DDetInputs', keys=['points'])]


def test_boxes_come_back_as_they_were_put_in(prepared):
    sample = build(prepared, PLAIN)[0]
    boxes = sample['data_samples'].gt_instances_3d.bboxes_3d.tensor
    np.testing.assert_allclose(boxes, [[12, 2, -1.7, 4, 1.7, 1.5, 0.3],
                                       [8, -2, -1.7, 0.8, 0.6, 1.8, 1.0]], atol=1e-3)
    assert sample['data_samples'].gt_instances_3d.labels_3d.tolist() == [0, 1]
    assert sample['inputs']['points'].shape[1] == 4


def test_a_frame_without_objects_is_a_sample(prepared):
    dataset = build(prepared, train_pipeline(prepared, groups=dict(Car=0)))
    sample = dataset[2]
    assert len(sample['data_samples'].gt_instances_3d.bboxes_3d) == 0
    assert sample['data_samples'].gt_instances_3d.labels_3d.dtype == torch.int64
    assert len(sample['inputs']['points']) > 0


def test_objects_are_added_to_a_frame_without_any(prepared):
    sample = build(prepared, train_pipeline(prepared))[2]
    assert len(sample['data_samples'].gt_instances_3d.bboxes_3d) > 0


def test_empty_point_clouds_pass_the_whole_pipeline(prepared):
    info = read_plain_file(prepared / 'kitti_infos_train.pkl')
    for frame in info['data_list']:
        path = prepared / 'training/velodyne_reduced' / frame['lidar_points']['lidar_path']
        path.write_bytes(b'')
        frame['lidar_points'].pop('contents')
    write_plain_file(prepared / 'kitti_infos_train.pkl', info)
    dataset = build(prepared, train_pipeline(prepared, groups=dict(Car=0)))
    for row in range(3):
        assert dataset[row]['inputs']['points'].shape == (0, 4)
    assert len(build(prepared, train_pipeline(prepared))[2]['inputs']['points']) >= 60


def test_points_all_outside_the_range_leave_an_empty_sample(prepared):
    pipeline = [dict(type='LoadPoints'),
                dict(type='PointsRangeFilter', point_cloud_range=[500, 0, 0, 600, 1, 1]),
                dict(type='Pack3DDetInputs', keys=['points'])]
    sample = build(prepared, pipeline, split='val', test_mode=True)[0]
    assert sample['inputs']['points'].shape == (0, 4)


def test_testing_has_what_drawing_needs(prepared):
    sample = build(prepared, TEST, split='val', test_mode=True)[0]
    meta = sample['data_samples'].metainfo
    assert meta['img_path'] == str(prepared / 'training/image_2/000008.png')
    np.testing.assert_allclose(meta['lidar2img'], meta['cam2img'] @ meta['lidar2cam'], atol=1e-4)
    assert meta['lidar2img'].shape == (4, 4)
    assert meta['sample_idx'] == 0


def test_a_frame_is_called_as_its_cloud(prepared):
    assert build(prepared, PLAIN, split='val').get_data_info(0)['frame_name'] == '000008'


def test_images_are_read_only_when_asked_for(prepared):
    (prepared / 'training/image_2/000003.png').unlink()
    assert len(build(prepared, PLAIN)) == 3
    with pytest.raises(DataError, match='000003.png named in .* does not exist'):
        build(prepared, PLAIN, modality=dict(use_lidar=True, use_camera=True))


def test_the_test_split_has_no_labels(prepared):
    dataset = build(prepared, TEST, split='test', test_mode=True, load_eval_anns=False,
                    data_prefix=dict(pts='testing/velodyne_reduced', img='testing/image_2'))
    assert len(dataset) == 1 and len(dataset[0]['inputs']['points']) > 0


def test_augmentation_depends_on_seed_epoch_and_index_alone(prepared):
    first, second = (build(prepared, train_pipeline(prepared)) for _ in range(2))
    first.set_epoch(3, 42)
    expected = [first[row]['inputs']['points'] for row in (0, 1, 2)]
    second.set_epoch(3, 42)
    second[1], np.random.rand(5), torch.rand(5)
    for row in (2, 1, 0):
        assert torch.equal(second[row]['inputs']['points'], expected[row])
    second.set_epoch(4, 42)
    assert not torch.equal(second[0]['inputs']['points'], expected[0])
    second.set_epoch(3, 43)
    assert not torch.equal(second[0]['inputs']['points'], expected[0])


def test_drawing_a_sample_leaves_the_global_random_state_alone(prepared):
    dataset = build(prepared, train_pipeline(prepared))
    dataset.set_epoch(0, 1)
    np.random.seed(5), torch.manual_seed(5)
    expected = np.random.rand(), torch.rand(1)
    np.random.seed(5), torch.manual_seed(5)
    dataset[0]
    assert (np.random.rand(), torch.rand(1)) == expected


@pytest.mark.parametrize('persistent', [True, False])
def test_workers_see_the_epoch(prepared, persistent):
    dataset = build(prepared, train_pipeline(prepared))
    sampler = EpochSampler(dataset, shuffle=True, seed=7)
    loader = DataLoader(dataset, sampler=sampler, num_workers=2, collate_fn=pseudo_collate,
                        persistent_workers=persistent)
    seen = []
    for epoch in (0, 1, 0):
        sampler.set_epoch(epoch)
        seen.append([batch['inputs']['points'][0] for batch in loader])
    for first, again, other in zip(seen[0], seen[2], seen[1], strict=True):
        assert torch.equal(first, again)
        assert not torch.equal(first, other)


def test_a_repeated_dataset_is_refused_by_the_sampler(prepared):
    with pytest.raises(ConfigError, match='needs a dataset with set_epoch, not RepeatDataset'):
        EpochSampler(RepeatDataset(build(prepared, PLAIN), times=2), seed=0)


def test_an_unknown_class_is_named(prepared):
    with pytest.raises(ConfigError, match="class 'Lorry' .* Pedestrian, Cyclist, Car"):
        build(prepared, metainfo=dict(classes=['Car', 'Lorry']))


def test_missing_points_are_named_at_the_start(prepared):
    shutil.rmtree(prepared / 'training/velodyne_reduced')
    with pytest.raises(DataError, match='000003.bin and 2 more .*create-data kitti'):
        build(prepared, PLAIN)


def test_a_missing_info_file_is_named(prepared):
    with pytest.raises(DataError, match='kitti_infos_trainval2.pkl does not exist'):
        build(prepared, PLAIN, split='trainval2')


def test_an_old_info_file_is_not_read_silently(prepared):
    old = [dict(image={}, calib={}, point_cloud={}, annos={})]
    (prepared / 'kitti_infos_train.pkl').write_bytes(pickle.dumps(old))
    with pytest.raises(DataError, match='written by mmdet3d 0.x'):
        build(prepared, PLAIN)


@pytest.mark.parametrize('key', ['lidar_points', 'images'])
def test_an_entry_of_another_layout_is_named(prepared, key):
    info = read_plain_file(prepared / 'kitti_infos_train.pkl')
    del info['data_list'][1][key]
    write_plain_file(prepared / 'kitti_infos_train.pkl', info)
    with pytest.raises(DataError, match='entry 1 of .*kitti_infos_train.pkl'):
        build(prepared, PLAIN)


@pytest.mark.parametrize('part, key', [('lidar_points', 'lidar_path'), ('images', 'img_path')])
def test_paths_out_of_the_data_root_are_refused(prepared, part, key):
    info = read_plain_file(prepared / 'kitti_infos_train.pkl')
    entry = info['data_list'][0][part]
    (entry['CAM2'] if part == 'images' else entry)[key] = '../../../etc/passwd'
    write_plain_file(prepared / 'kitti_infos_train.pkl', info)
    with pytest.raises(DataError, match='leaves the folder'):
        build(prepared, PLAIN)


def test_points_changed_since_preparation_are_refused(prepared):
    path = prepared / 'training/velodyne_reduced/000003.bin'
    path.write_bytes(path.read_bytes()[16:])
    with pytest.raises(DataError, match='000003.bin has .* bytes but had'):
        build(prepared, PLAIN)[0]


def test_augmented_points_stay_in_their_boxes(prepared):
    """Count points in boxes after random draws: as many as before, up to the range filter."""
    dataset = build(prepared, train_pipeline(prepared))
    for epoch in range(25):
        dataset.set_epoch(epoch, 0)
        for row in range(3):
            sample = dataset[row]
            objects = sample['data_samples'].gt_instances_3d
            boxes, points = objects.bboxes_3d.tensor, sample['inputs']['points']
            inside = points_in_boxes_cpu(points[None, :, :3], boxes[None])[0].numpy()
            boxes = boxes.numpy()
            # every object was filled with 60 points; all lie well inside, and in no other box
            whole = boxes[:, 0] > 3  # nearer ones may be cut by the range
            np.testing.assert_array_equal(inside.sum(0)[whole], 60)
            assert inside.sum(1).max(initial=0) <= 1
            assert (np.abs(boxes[:, 6]) <= np.pi + 1e-6).all()


def test_intensity_is_untouched_by_augmentation(prepared):
    dataset = build(prepared, train_pipeline(prepared, groups=dict(Car=0)))
    plain = build(prepared, PLAIN)
    before = set(plain[0]['inputs']['points'][:, 3].tolist())
    assert set(dataset[0]['inputs']['points'][:, 3].tolist()) <= before


def test_a_config_of_the_project_builds(prepared, monkeypatch):
    monkeypatch.setenv('SPARSE3D_KITTI', str(prepared))
    folder = Path(__file__).parents[4] / 'configs/_base_/datasets'
    for name in ('kitti_3class.py', 'kitti_car.py'):
        config = Config.fromfile(folder / name)
        train = DATASETS.build(config.train_dataloader.dataset)
        assert len(train[0]['data_samples'].gt_instances_3d.bboxes_3d) > 0
        test = DATASETS.build(config.test_dataloader.dataset)
        assert test[0]['inputs']['points'].shape[1] == 4
        assert config.val_evaluator.ann_file == f'{prepared}/kitti_infos_val.pkl'
    assert TRANSFORMS.get('GroundTruthSampling') is not None


def test_real_frames_give_what_the_dataset_of_mmdet3d_gives(real_data_dir, tmp_path):
    prepare_kitti(real_data_dir / 'kitti', out=tmp_path, all_frames=True)
    ours = build(tmp_path, PLAIN)
    theirs = DATASETS.build(dict(
        type='KittiDataset', data_root=str(tmp_path), ann_file='kitti_infos_train.pkl',
        data_prefix=dict(pts='training/velodyne_reduced'), metainfo=dict(classes=CLASSES),
        pipeline=[dict(type='LoadPointsFromFile', coord_type='LIDAR', load_dim=4, use_dim=4),
                  *PLAIN[1:]]))
    for row in range(3):
        one, other = ours[row], theirs[row]
        assert torch.equal(one['inputs']['points'], other['inputs']['points'])
        for key in ('bboxes_3d', 'labels_3d'):
            mine, yours = (sample['data_samples'].gt_instances_3d[key] for sample in (one, other))
            assert torch.equal(getattr(mine, 'tensor', mine), getattr(yours, 'tensor', yours))


def test_a_recipe_of_lidar_alone_knows_the_road(small_kitti):
    """The plane y = 1.6 m below the camera, which is 0.1 m below the LiDAR."""
    small_kitti.add_frame(7, [('Car', (12, 0, -1.7, 4, 1.6, 1.5, 0.3))], plane=True)
    small_kitti.add_split('train', [7])
    prepare_kitti(small_kitti.root)
    plane = build(small_kitti.root).get_data_info(0)['plane']
    for x, y in ((0, 0), (30, -10)):
        assert np.dot(plane, (x, y, -1.7, 1)) == pytest.approx(0, abs=1e-5)


@pytest.mark.parametrize(('matrix', 'value'), [('cam2img', np.nan), ('lidar2cam', 0.0)])
def test_a_calibration_through_which_nothing_is_seen(prepared, matrix, value):
    for split in ('train', 'val'):
        path = prepared / f'kitti_infos_{split}.pkl'
        info = read_plain_file(path)
        info['data_list'][0]['images']['CAM2'][matrix] = [[value] * 4] * 4
        write_plain_file(path, info)
    wanted = rf'the {matrix} of .*\.png is singular or not finite'
    with pytest.raises(DataError, match=wanted):
        build(prepared, modality=dict(use_lidar=True, use_camera=True))
    with pytest.raises(DataError, match=wanted):  # drawn on
        build(prepared, split='val', test_mode=True)
    with pytest.raises(DataError, match=wanted):  # boxes stand in the camera's frame
        build(prepared)

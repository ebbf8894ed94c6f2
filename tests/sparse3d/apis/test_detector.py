"""Arrays in, boxes out: the same as the config's own test, whatever the way in."""
from __future__ import annotations

import multiprocessing
import subprocess
import sys
import threading
import warnings
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from mmcv.transforms import BaseTransform
from mmdet3d.registry import DATASETS, TRANSFORMS
from mmdet3d.structures import LiDARPoints
from mmengine.dataset import pseudo_collate

from sparse3d.apis import load_config, load_detector
from sparse3d.apis.array_samples import ArraySamples
from sparse3d.datasets.kitti.prepare import prepare_kitti
from sparse3d.engine.load_config import find_config
from sparse3d.errors import (
    BackendUnavailable,
    CheckpointError,
    ConfigError,
    DataError,
    Sparse3DWarning,
)
from sparse3d.structures.point_statistics import PointStatistics, numbers_of_cloud

ROOT = Path(__file__).resolve().parents[3]
CONFIG = ROOT / 'configs/baselines/centerpoint_simulated_kitti_car.py'
# Weights as initialized find nothing with confidence: keep all, and small maps.
OPTIONS = {'model.bbox_head.bbox_coder.score_threshold': 0.0,
           'model.bbox_head.test_cfg.score_threshold': 0.0,
           'model.bbox_head.test_cfg.post_max_size': 20}


@pytest.fixture(scope='module')
def detector():
    torch.manual_seed(0)
    return load_detector(CONFIG, device='cpu', cfg_options=OPTIONS)


@pytest.fixture(scope='module')
def cloud():
    random = np.random.default_rng(1)
    xyz = random.uniform([0, -20, -2], [50, 20, 1], (3000, 3))
    return np.column_stack([xyz, random.uniform(size=3000)]).astype(np.float32)


def equal(one, other):
    np.testing.assert_allclose(one.boxes_3d, other.boxes_3d, atol=1e-5)
    np.testing.assert_allclose(one.scores, other.scores, atol=1e-6)


def test_a_cloud_gives_what_the_dataset_of_the_config_gives(detector, small_kitti):
    prepare_kitti(small_kitti.root, workers=1, database=False)
    config = load_config(CONFIG, {'data_root': str(small_kitti.root)})
    config.test_dataloader.dataset.ann_file = 'kitti_infos_val.pkl'
    dataset = DATASETS.build(config.test_dataloader.dataset)
    with torch.no_grad():
        wanted = detector.model.test_step(pseudo_collate([dataset[0]]))[0].pred_instances_3d
    path = dataset.get_data_info(0)['lidar_points']['lidar_path']
    found = detector(path)
    assert len(found) == 20 and found.name == Path(path).stem
    order = wanted.scores_3d.argsort(descending=True)
    np.testing.assert_allclose(found.scores, wanted.scores_3d[order].numpy(), atol=1e-6)
    np.testing.assert_allclose(np.sort(found.boxes_3d, 0),
                               np.sort(wanted.bboxes_3d.tensor.numpy(), 0), atol=1e-4)


def test_in_bfloat16_the_same_within_its_rounding(detector, cloud):
    rough = load_detector(CONFIG, device='cpu', cfg_options=OPTIONS, dtype='bfloat16')
    rough.model.load_state_dict(detector.model.state_dict())
    found, expected = rough(cloud), detector(cloud)
    assert found.scores.dtype == np.float32 and len(found) == len(expected)
    np.testing.assert_allclose(np.sort(found.scores), np.sort(expected.scores), atol=0.02)
    assert not np.array_equal(np.sort(found.scores), np.sort(expected.scores))
    with torch.autocast('cpu', torch.bfloat16):  # of the caller
        np.testing.assert_array_equal(detector(cloud).scores, found.scores)


@pytest.mark.slow
def test_compiled_the_same_within_rounding(detector, cloud):
    compiled = load_detector(CONFIG, device='cpu', cfg_options=OPTIONS, compile=True)
    compiled.model.load_state_dict(detector.model.state_dict())
    found, expected = compiled(cloud), detector(cloud)
    np.testing.assert_allclose(np.sort(found.scores), np.sort(expected.scores), atol=1e-4)


@pytest.mark.parametrize(('wrong', 'said'), [
    (dict(dtype='int8'), "dtype is 'int8'; use one of float32, bfloat16, float16"),
    (dict(dtype='float16'), 'use bfloat16 on a CPU'),
    (dict(compile='yes'), "compile is 'yes'; use True or False")])
def test_wrong_ways_to_compute_are_refused(wrong, said):
    with pytest.raises(ConfigError, match=said):
        load_detector(CONFIG, device='cpu', **wrong)


def test_a_stream_of_a_model_takes_no_type(detector, monkeypatch):
    monkeypatch.setattr('sparse3d.apis.detector.plugin_of', lambda _: SimpleNamespace(stream='x:y'))
    monkeypatch.setattr(detector, 'computed_in', torch.bfloat16)
    with pytest.raises(ConfigError, match="model's own type; load the detector without dtype"):
        detector.stream()


def test_every_way_in_is_the_same(detector, cloud, tmp_path):
    found = detector(cloud)
    cloud.tofile(tmp_path / 'a.bin')
    np.save(tmp_path / 'a.npy', cloud)
    spoilt = np.vstack([cloud, [[np.nan, 0, 0, 0]]]).astype(np.float32)
    for same in (torch.from_numpy(cloud), tmp_path / 'a.bin', str(tmp_path / 'a.npy'), spoilt):
        equal(detector(same), found)
    first, second = detector([cloud, cloud[:1500]])
    equal(first, found)
    equal(second, detector(cloud[:1500]))
    assert (np.diff(found.scores) <= 0).all() and found.class_names == ('Car', )
    middle = np.unique(found.scores)[1]
    assert 0 < len(detector(cloud, score_threshold=middle)) == (found.scores >= middle).sum() < 20


def test_no_points_are_a_normal_frame(detector):
    assert detector(np.zeros((0, 4), np.float32)).boxes_3d.shape[1] == 7


def test_inputs_that_the_model_does_not_take_are_named(detector, cloud):
    with pytest.raises(DataError, match=r'\(3000, 3\); this model needs \(N, 4\)'):
        detector(cloud[:, :3])
    with pytest.raises(DataError, match='needs points'):
        detector()
    with pytest.raises(DataError, match='takes no images'):
        detector(cloud, images=[np.zeros((4, 4, 3), np.uint8)], calibration={})
    with pytest.raises(ConfigError, match='looks at single frames'):
        detector.stream()


def test_a_higher_sensor_sees_the_same_in_its_own_frame(detector, cloud, tmp_path):
    torch.save(dict(state_dict=detector.model.state_dict()), tmp_path / 'weights.pth')
    higher = load_detector(CONFIG, tmp_path / 'weights.pth', 'cpu', OPTIONS, sensor_height=2.73)
    lowered = cloud - np.float32([0, 0, 1, 0])  # the ground of KITTI lies at -1.73 m
    wanted, found = detector(cloud), higher(lowered)
    equal(found, replace(wanted, boxes_3d=wanted.boxes_3d - np.float32([0, 0, 1, 0, 0, 0, 0])))
    np.testing.assert_allclose(found.points, lowered, atol=1e-5)


def test_points_unlike_the_training_are_said_if_the_checkpoint_knows_it(detector, cloud, tmp_path):
    training = PointStatistics.of([numbers_of_cloud(cloud)], ('x', 'y', 'z', 'intensity'))
    content = dict(state_dict=detector.model.state_dict())
    torch.save(content, tmp_path / 'released.pth')
    torch.save({**content, 'meta': {'point_statistics': training.to_meta()}}, tmp_path / 'ours.pth')
    brighter = cloud * np.float32([1, 1, 1, 255])
    for name, factor, count in (('released', 1.0, 0), ('ours', 1.0, 1), ('ours', 1 / 255, 0)):
        detect = load_detector(CONFIG, tmp_path / f'{name}.pth', 'cpu', OPTIONS, factor)
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter('always')
            for _ in range(2):
                detect(brighter)
        said = [str(item.message) for item in caught if item.category is Sparse3DWarning]
        assert len(said) == count
        assert all('below 25' in text and '--intensity-scale 0.0039' in text for text in said)


def test_threads_share_a_detector(detector, cloud):
    found, wanted = {}, {size: detector(cloud[:size]) for size in (1000, 2000, 3000)}

    def detect(size):
        found[size] = detector(cloud[:size])

    threads = [threading.Thread(target=detect, args=(size, )) for size in wanted]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    for size, detections in wanted.items():
        equal(found[size], detections)


def _in_child(detector, cloud, queue):
    queue.put(detector(cloud).scores)


def test_a_forked_process_goes_on(detector, cloud):
    wanted = detector(cloud).scores
    context = multiprocessing.get_context('fork')
    queue = context.Queue()
    with detector._lock:  # a lock held at the moment of the fork must not be inherited
        child = context.Process(target=_in_child, args=(detector, cloud, queue))
        child.start()
    np.testing.assert_allclose(queue.get(timeout=60), wanted, atol=1e-6)
    child.join(10)
    assert child.exitcode == 0


def test_a_bare_name_is_a_config():
    assert find_config('centerpoint_simulated_kitti_car') == CONFIG
    with pytest.raises(ConfigError, match="no config 'no_such_detector'"):
        load_detector('no_such_detector')


def camera_samples(frames=1):
    config = load_config(ROOT / 'configs/baselines/centerpoint_simulated_kitti_car.py')
    config.test_dataloader.dataset.pipeline = [
        dict(type='LoadMultiViewImages', cameras=['LEFT', 'RIGHT']),
        dict(type='PackSample', keys=['img'], more_meta_keys=['image_valid', 'img_timestamp'])]
    config.test_dataloader.dataset.frames = dict(num_frames=frames)
    return ArraySamples(config)


def test_images_become_the_sample_of_a_camera_model():
    red = np.zeros((4, 6, 3), np.uint8)
    red[..., 0] = 255
    matrices = dict(cam2img=np.tile(np.eye(3) * 2, (2, 1, 1)),
                    lidar2cam=np.tile(np.eye(4), (2, 1, 1)))
    sample = camera_samples(2).make(None, {'RIGHT': None, 'LEFT': red}, matrices)
    images = sample['inputs']['img']
    assert images.shape == (4, 3, 4, 6)  # two frames of two cameras: the past looks like now
    assert images[0, :, 0, 0].tolist() == [0, 0, 255]  # BGR, as files are read
    meta = sample['data_samples'].metainfo
    assert meta['image_valid'].tolist() == [True, False] * 2
    np.testing.assert_array_equal(np.asarray(meta['lidar2img'])[0], np.diag([2, 2, 2, 1.0]))


def test_images_that_do_not_fit_are_named():
    samples, image = camera_samples(), np.zeros((4, 6, 3), np.uint8)
    with pytest.raises(DataError, match='needs 2 images and their calibration'):
        samples.make(None, [image, image], None)
    with pytest.raises(DataError, match='3 images were given; this model takes 2'):
        samples.make(None, [image] * 3, dict(lidar2img=np.tile(np.eye(4), (3, 1, 1))))
    with pytest.raises(DataError, match='neither lidar2img'):
        samples.make(None, [image] * 2, {})
    with pytest.raises(DataError, match='no image of RIGHT'):
        samples.make(None, {'LEFT': image}, {})
    with pytest.raises(DataError, match='nobody looks at the image of TOP; this model takes LEFT'):
        samples.make(None, {'LEFT': image, 'RIGHT': image, 'TOP': image}, {})
    with pytest.raises(DataError, match='images is one path, .a.png.; give a list of 2'):
        samples.make(None, 'a.png', {})
    with pytest.raises(DataError, match='RGB array'):
        samples.make(None, [image[..., 0]] * 2, dict(lidar2img=np.tile(np.eye(4), (2, 1, 1))))


def test_the_command_writes_a_file_for_each_cloud(detector, cloud, tmp_path):
    torch.save({'state_dict': detector.model.state_dict()}, tmp_path / 'weights.pth')
    (tmp_path / 'clouds').mkdir()
    cloud.tofile(tmp_path / 'clouds' / 'one.bin')
    np.save(tmp_path / 'clouds' / 'two.npy', cloud)
    options = [f'{key}={value}' for key, value in OPTIONS.items()]
    done = subprocess.run(
        [
            sys.executable,
            'tools/detect.py',
            CONFIG.stem,
            tmp_path / 'weights.pth',
            tmp_path / 'clouds',
            '--out',
            tmp_path / 'found',
            '--score-threshold',
            '0',
            '--formats',
            'json',
            'txt',
            'svg',
            '--device',
            'cpu',
            '--cfg-options',
            *options,
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert '2 clouds, 40 detections' in done.stdout
    assert sorted(path.name for path in (tmp_path / 'found').iterdir()) == [
        'one.json', 'one.svg', 'one.txt', 'two.json', 'two.svg', 'two.txt']
    assert (tmp_path / 'found/one.txt').read_text() == (tmp_path / 'found/two.txt').read_text()


@pytest.mark.parametrize(('config', 'names'), [
    ('dsvt_simulated_waymo', ('x', 'y', 'z', 'intensity', 'elongation')),
    (ROOT / 'configs/baselines/centerpoint_simulated_nuscenes.py',
     ('x', 'y', 'z', 'intensity', 'age')),
    ('focalsconv_centerpoint_custom_data', ('x', 'y', 'z', 'intensity'))])
def test_a_model_knows_what_its_columns_mean(config, names):
    samples = ArraySamples(load_config(config))
    assert samples.names == names and samples.columns == len(names)
    assert samples.has_age == ('age' in names)


class LoadFromARadio(BaseTransform):
    """A loader that nobody here knows."""

    point_columns = ('x', 'y', 'z', 'age')

    def transform(self, results):
        results['points'] = LiDARPoints(np.array(results['points']), points_dim=4)
        return results


def test_any_loader_that_takes_arrays_serves_and_any_other_step_is_named():
    config = load_config(CONFIG)
    steps = config.test_dataloader.dataset.pipeline
    with TRANSFORMS.switch_scope_and_registry('mmdet3d') as registry:
        registry.register_module(name='LoadFromARadio', module=LoadFromARadio, force=True)
    config.test_dataloader.dataset.pipeline = [dict(type='LoadFromARadio'), *steps[1:]]
    samples = ArraySamples(config)
    assert samples.names == ('x', 'y', 'z', 'age') and samples.has_age
    cloud = samples.read_points(np.tile([20.0, 0, -1], (5, 1)))  # of one moment
    sample = samples.make(cloud, None, None)
    assert sample['inputs']['points'].tolist() == [[20, 0, -1, 0]] * 5
    config.test_dataloader.dataset.pipeline.insert(1, dict(type='LoadSweepPoints'))
    assert ArraySamples(config).names == ('x', 'y', 'z', 'intensity', 'age')
    config.test_dataloader.dataset.pipeline.insert(2, dict(type='LoadImageFromFile'))
    with pytest.raises(ConfigError, match="LoadImageFromFile of the test pipeline looks for 'img_"):
        ArraySamples(config).make(np.ones((5, 5)), None, None)
    config.test_dataloader.dataset.pipeline = steps[1:]
    with pytest.raises(ConfigError, match='no transform of the test pipeline takes points'):
        ArraySamples(config)


def test_a_raw_file_of_other_columns_is_said_once(detector, tmp_path, monkeypatch):
    from sparse3d.apis import array_samples
    said = []
    monkeypatch.setattr(array_samples, 'print_log', lambda text, **_: said.append(text))
    random = np.random.default_rng(0)
    rows = np.column_stack([random.uniform([0, -20, -2], [50, 20, 1], (2400, 3)),
                            random.uniform(size=2400), np.arange(2400) % 32]).astype('<f4')
    rows.tofile(tmp_path / 'a.bin')
    samples = ArraySamples(load_config(CONFIG))
    for _ in range(2):
        samples.read_points(tmp_path / 'a.bin')
    assert len(said) == 1 and 'looks like points of 5 numbers' in said[0]


def test_intensities_in_other_units(detector, cloud, tmp_path):
    scaled = load_detector(CONFIG, device='cpu', cfg_options=OPTIONS, intensity_scale=1 / 255)
    scaled.model.load_state_dict(detector.model.state_dict())
    wanted = detector(cloud)
    other = cloud * np.float32([1, 1, 1, 255])
    before = other.copy()
    equal(scaled(other), wanted)
    np.testing.assert_array_equal(other, before)  # the user's array stays as it is
    other.tofile(tmp_path / 'a.bin')
    equal(scaled(tmp_path / 'a.bin'), wanted)
    with pytest.raises(ConfigError, match='takes intensities; this one takes x, y, z'):
        ArraySamples(load_config(CONFIG, {'test_dataloader.dataset.pipeline.0.use': [0, 1, 2]}), 2)


@pytest.mark.parametrize('points', [
    np.array([['a'] * 4]), [[1, 2, 3, 4], [1, 2, 3]], {'points': 1}, b'abc',
    np.ones((5, 4), complex), np.ones((5, 4), bool),
    np.ma.masked_greater(np.arange(20.0).reshape(5, 4), 12)])
def test_what_is_no_array_of_numbers_is_refused_in_a_sentence(detector, points):
    with pytest.raises(DataError, match=r'the points are .*no array of numbers.*needs \(N, '):
        detector(points)


def test_a_structured_array_is_read_by_the_names_of_its_columns(detector, cloud):
    kinds = [('intensity', 'f4'), ('z', 'f8'), ('y', 'f4'), ('x', 'f4')]
    table = np.zeros(len(cloud), kinds)
    for column, name in enumerate(('x', 'y', 'z', 'intensity')):
        table[name] = cloud[:, column]
    np.testing.assert_array_equal(detector.samples.read_points(table), cloud)
    with pytest.raises(DataError, match='the array of points holds no points with x, y, z'):
        detector(table[['x', 'y']])


@pytest.mark.parametrize('scale', [0, -1, float('nan'), '1/255'])
def test_a_scale_of_intensities_that_is_none(scale):
    with pytest.raises(ConfigError, match='intensity_scale is .*; give a positive number'):
        ArraySamples(load_config(CONFIG), intensity_scale=scale)


@pytest.mark.parametrize(('device', 'message'), [
    ('gpu', "there is no device 'gpu'; give cpu"), ('cuda:99', 'the device cuda:99 is not there'),
    ('cuda:999', 'the device cuda:999 is not there')])
def test_a_device_that_is_not_there_is_refused_first(device, message):
    with pytest.raises(BackendUnavailable, match=message):
        load_detector(CONFIG, device=device)


@pytest.mark.parametrize('name', ['a.pth', 'a.PTH', 'a.pt', 'a.ckpt', 'a.safetensors'])
def test_a_checkpoint_alone_is_known_by_its_ending(name, tmp_path):
    with pytest.raises(CheckpointError, match=f'checkpoint .*{name} does not exist'):
        load_detector(tmp_path / name)


def test_options_that_are_no_dict():
    with pytest.raises(ConfigError, match="cfg_options is 'a=b'; give a dict"):
        load_detector(CONFIG, cfg_options='a=b')

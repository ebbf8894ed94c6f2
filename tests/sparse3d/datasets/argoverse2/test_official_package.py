"""The official package opens what the simulator writes, and scores detections as we do."""
from __future__ import annotations

from itertools import starmap
from types import SimpleNamespace

import numpy as np
import pytest

from sparse3d.datasets.argoverse2.categories import CLASSES
from sparse3d.datasets.argoverse2.evaluate import evaluate_argoverse2
from sparse3d.datasets.argoverse2.evaluate.box_columns import make_columns
from sparse3d.datasets.argoverse2.evaluate.detection_score import MEASURES
from sparse3d.datasets.argoverse2.evaluate.evaluate import LogPlace
from sparse3d.datasets.argoverse2.evaluate.map_rasters import read_region
from sparse3d.datasets.argoverse2.evaluate.tracking import (
    OBJECTIVES,
    PlacedTracks,
    TrackedSweep,
    TrackingRules,
    evaluate_argoverse2_tracking,
)
from sparse3d.datasets.argoverse2.feather_files import QUATERNION, SIZE, TRANSLATION, read_feather
from sparse3d.datasets.argoverse2.poses import read_poses
from sparse3d.datasets.argoverse2.results import submission_columns
from sparse3d.datasets.argoverse2.simulate import Argoverse2Options
from sparse3d.datasets.argoverse2.simulate.drive import log_folder, simulate_argoverse2
from sparse3d.structures.box_conversions import center_to_lidar

pytest.importorskip('av2', reason='av2 is not installed: pip install "sparse3d-perception[av2]"')
pd = pytest.importorskip('pandas')
NUMBERS = (*TRANSLATION, *SIZE, *QUATERNION)
ANNOTATED = ('timestamp_ns', 'track_uuid', 'category', *NUMBERS, 'num_interior_pts')


@pytest.fixture(scope='module')
def log(tmp_path_factory):
    """One simulated log with a picture of each camera for each sweep."""
    root = tmp_path_factory.mktemp('official') / 'argoverse2'
    simulate_argoverse2(root, 1, seed=2, show_progress=False,
                        options=Argoverse2Options(sweeps=3, azimuths=200, image_width=32))
    return log_folder(root, 2, 0)


def test_the_package_opens_a_simulated_log(log):
    from av2.datasets.sensor.sensor_dataloader import SensorDataloader
    loader = SensorDataloader(log.parents[1], with_annotations=True, with_cache=False)
    sweeps = {int(path.stem) for path in (log / 'sensors/lidar').iterdir()}
    records = [loader[row] for row in range(len(loader))]
    assert {record.timestamp_ns for record in records} == sweeps
    stored = read_feather(log / 'annotations.feather', ANNOTATED)
    for record in records:
        rows = stored['timestamp_ns'] == record.timestamp_ns
        counts = [int(cuboid.compute_interior_points(record.sweep.xyz)[1].sum())
                  for cuboid in record.annotations]
        assert counts == stored['num_interior_pts'][rows].tolist() and sum(counts) > 100


def test_the_package_makes_the_same_region_of_interest(log):
    from av2.map.map_api import ArgoverseStaticMap
    official = ArgoverseStaticMap.from_map_dir(log / 'map', build_raster=True)
    assert (official.raster_roi_layer.array.astype(bool) == read_region(log).cells).all()
    poses = read_poses(log).matrices[:, :3, 3]
    ground = official.raster_ground_height_layer.get_ground_height_at_xy(poses)
    np.testing.assert_allclose(poses[:, 2] - ground, 0.33, atol=0.1)


@pytest.mark.parametrize('seed', range(3))
@pytest.mark.parametrize('roi', [False, True])
def test_equal_scores_on_generated_detections(log, seed, roi, monkeypatch):
    from av2.evaluation.detection import eval as official
    from av2.evaluation.detection.utils import DetectionCfg
    serial = SimpleNamespace(starmap=lambda *given: list(starmap(*given)))
    monkeypatch.setattr(official, 'NUM_DECIMALS', 15)
    monkeypatch.setattr(official, 'mp', SimpleNamespace(get_context=lambda _: SimpleNamespace(
        Pool=lambda processes: _Entered(serial))))
    gts, dts = generated(log, np.random.default_rng(seed))
    config = DetectionCfg(eval_only_roi_instances=roi, dataset_dir=log.parent)
    expected = official.evaluate(dts.copy(), gts.copy(), config, n_jobs=1)[2]
    place = LogPlace(read_poses(log), read_region(log))
    result = evaluate_argoverse2(columns_of(dts), columns_of(gts), None,
                                 (lambda name: place) if roi else None)
    for name, values in result.by_class.items():
        for measure in MEASURES:
            assert values[measure] == pytest.approx(expected.loc[name, measure], abs=1e-9)
    assert result.scores['mAP'] > 0.01


def random_frames(seed):
    """Objects that move past the vehicle in two logs, and tracks of them with all mistakes."""
    random = np.random.default_rng(seed)
    sweeps = []
    for log in range(2):
        start, step = random.uniform(-80, 80, (25, 2)), random.normal(0, 1.5, (25, 2))
        names = random.choice(['BUS', 'PEDESTRIAN', 'SIGN', 'DOG'], 25)
        identity = np.arange(25)
        for time in range(12):
            ego = np.array([100.0 * log + time, 3.0])
            identity[:2] = identity[1::-1] if random.random() < .2 else identity[:2]
            here, there = (np.flatnonzero(random.random(25) < share) for share in (.9, .7))
            xy = start + step * time + ego
            false = random.uniform(-60, 60, (3, 2)) + ego
            gt = PlacedTracks(here, names[here].astype(object), xy[here], np.ones(len(here)))
            pred = PlacedTracks(
                np.append(identity[there], [100, 101, 102]),
                np.append(names[there], ['BUS', 'DOG', 'TRUCK']).astype(object),
                np.concatenate([xy[there] + random.normal(0, .6, (len(there), 2)), false]),
                random.random(len(there) + 3))
            sweeps.append(TrackedSweep(f'log {log}', 1000 * log + time, ego, gt, pred))
    return sweeps


def as_official(sweeps, side):
    """The dictionaries of the package."""
    logs: dict = {}
    for one in sweeps:
        tracks, count = getattr(one, side), len(getattr(one, side).ids)
        frame = dict(seq_id=one.log, timestamp_ns=one.timestamp, track_id=tracks.ids,
                     translation_m=np.column_stack([tracks.xy, np.zeros(count)]),
                     size=np.ones((count, 3)), yaw=np.zeros(count), name=tracks.names.astype(str),
                     velocity_m_per_s=np.zeros((count, 3)), label=np.zeros(count, int))
        more = dict(ego_translation_m=(*one.ego.tolist(), 0.0)) if side == 'gt' else dict(
            score=tracks.scores)
        logs.setdefault(one.log, []).append(frame | more)
    return logs


@pytest.mark.parametrize('seed', range(2))
@pytest.mark.parametrize('objective', OBJECTIVES)
def test_equal_tracking_scores_on_random_drives(seed, objective, monkeypatch, tmp_path):
    pytest.importorskip('trackeval', reason='pip install --no-deps trackeval tabulate')
    from av2.evaluation.tracking import eval as official
    monkeypatch.chdir(tmp_path)     # the tool writes tables and plots beside
    serial = SimpleNamespace(imap=lambda function, items: map(function, items))
    monkeypatch.setattr(official, 'mp', SimpleNamespace(Pool=lambda _: _Entered(serial),
                                                        cpu_count=lambda: 1))
    sweeps = random_frames(seed)
    table, tuned, mean = official.evaluate(
        as_official(sweeps, 'pred'), as_official(sweeps, 'gt'), objective, 60, None,
        str(tmp_path / 'out.json'))
    found = evaluate_argoverse2_tracking(sweeps, TrackingRules(max_range=60)).by_class[objective]
    of_class = table['TrackEvalDataset']['TRACKER']['COMBINED_SEQ']
    for name in CLASSES:
        assert found[name].mean == pytest.approx(mean[name], abs=1e-12), name
        assert found[name].tuned == pytest.approx(tuned[name], abs=1e-12), name
        for key, value in found[name].clear.summary().items():
            assert value == pytest.approx(of_class[name]['CLEAR'][key], abs=1e-12), (name, key)
        np.testing.assert_allclose(found[name].hota.hota, of_class[name]['HOTA']['HOTA'],
                                   atol=1e-12)
    assert .1 < found['PEDESTRIAN' if objective == 'HOTA' else 'SIGN'].tuned < .9


class _Entered:
    def __init__(self, content) -> None:
        self.content = content

    def __enter__(self):
        return self.content

    def __exit__(self, *error) -> None:
        pass


def generated(log, random):
    """Labels of a log, and detections about them, some far off, some of other classes."""
    table = read_feather(log / 'annotations.feather', ANNOTATED)
    gts = pd.DataFrame({name: table[name] for name in ANNOTATED}).assign(log_id=log.name)
    rows = random.choice(len(gts), 2 * len(gts))
    boxes = gts[[*TRANSLATION, *SIZE]].to_numpy()[rows]
    boxes[:, :3] += random.normal(0, 0.6, (len(rows), 3)) + (
        random.random((len(rows), 1)) < 0.2) * random.normal(0, 15, (len(rows), 3))
    boxes[:, 3:] *= random.uniform(0.7, 1.4, (len(rows), 3))
    yaw = 2 * np.arctan2(gts['qz'], gts['qw']).to_numpy()[rows] + random.normal(0, 1, len(rows))
    names = np.where(random.random(len(rows)) < 0.1, 'BUS', gts['category'].to_numpy()[rows])
    parts = submission_columns(center_to_lidar(np.column_stack([boxes, yaw])),
                               random.permutation(len(rows)) / len(rows), names, log.name)
    parts['timestamp_ns'] = gts['timestamp_ns'].to_numpy()[rows]
    return gts, pd.DataFrame(parts)


def columns_of(table):
    labels = np.array([CLASSES.index(name) for name in table['category']])
    points = table['num_interior_pts'].to_numpy() if 'num_interior_pts' in table else None
    score = table['score'].to_numpy() if 'score' in table else None
    boxes = table[list(NUMBERS)].to_numpy()
    return make_columns(table['log_id'].to_numpy(), table['timestamp_ns'].to_numpy(), labels,
                        boxes, score, points)

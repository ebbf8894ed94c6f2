"""Detection and tracking scores of the same predictions."""
from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from mmdet3d.structures import LiDARInstance3DBoxes
from mmengine.structures import InstanceData

from sparse3d.apis.track import track
from sparse3d.datasets.nuscenes.evaluate.metric import NuScenesDetectionMetric
from sparse3d.datasets.nuscenes.evaluate.tracking import evaluate_nuscenes_tracking
from sparse3d.datasets.nuscenes.prepare import NuScenesPreparation, prepare_nuscenes
from sparse3d.datasets.nuscenes.prepare.tables import open_tables
from sparse3d.errors import ConfigError
from sparse3d.structures.track_files import track_format
from sparse3d.tracking.nuscenes_metric import NuScenesTrackingMetric
from sparse3d.transforms.info_files import read_info_file

CLASSES = ('car', 'truck', 'pedestrian', 'bicycle')


@pytest.fixture(scope='module')
def infos(simulated_nuscenes, tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp('metric') / 'nuscenes'
    prepare_nuscenes(simulated_nuscenes, out=out, options=NuScenesPreparation(database=False))
    return out / 'nuscenes_infos_val.pkl'


def labels_as_predictions(path: Path) -> list[dict]:
    """What a detector that finds everything, and everybody again, would give."""
    samples = []
    for row, entry in enumerate(read_info_file(path, 'nuscenes')['data_list']):
        seen = dict(entry, instances=[item for item in entry['instances']
                                      if item['num_lidar_pts'] + item['num_radar_pts'] > 0])
        truth = track_format('nuscenes').labels(seen)
        truth = truth[np.array([name in CLASSES for name in truth.names], bool)]
        boxes = np.zeros((len(truth), 9), np.float32)
        boxes[:, :7] = truth.boxes_3d[:, :7]
        samples.append(dict(sample_idx=row, pred_instances_3d=InstanceData(
            bboxes_3d=LiDARInstance3DBoxes(torch.from_numpy(boxes), box_dim=9),
            scores_3d=torch.full((len(truth), ), 0.9),
            labels_3d=torch.tensor([CLASSES.index(name) for name in truth.names]).long(),
            track_ids=torch.from_numpy(truth.ids))))
    return samples


def scores_of(metric, samples) -> dict:
    metric.dataset_meta = dict(classes=CLASSES)
    metric.process({}, samples)
    return metric.evaluate(len(samples))


def test_every_tracker_is_scored_beside_the_detections(infos, simulated_nuscenes):
    samples = labels_as_predictions(infos)
    where = dict(data_root=str(simulated_nuscenes), ann_file=str(infos))
    found = scores_of(NuScenesTrackingMetric(
        **where, trackers=dict(query_identity={}, two_stage=dict(min_hits=1))), samples)
    alone = scores_of(NuScenesDetectionMetric(**where), samples)
    assert {name: found[name] for name in alone} == pytest.approx(alone, nan_ok=True)
    assert found['nuscenes/query_identity/car_AMOTA'] > 0.9
    assert found['nuscenes/two_stage/car_AMOTA'] > 0.5
    assert 'nuscenes/two_stage/bus_AMOTA' not in found
    nobody = [dict(sample) for sample in samples]
    for sample in nobody:
        sample['pred_instances_3d'] = sample['pred_instances_3d'].clone()
        sample['pred_instances_3d'].track_ids = torch.full_like(
            sample['pred_instances_3d'].labels_3d, -1)
    lost = scores_of(NuScenesTrackingMetric(**where, trackers=dict(query_identity={})), nobody)
    assert lost['nuscenes/query_identity/car_AMOTA'] == 0


def test_a_tracker_that_cannot_follow_is_left_out_and_the_detections_are_scored(
        infos, simulated_nuscenes):
    samples = labels_as_predictions(infos)
    for sample in samples:
        del sample['pred_instances_3d'].track_ids
    found = scores_of(NuScenesTrackingMetric(
        data_root=str(simulated_nuscenes), ann_file=str(infos),
        trackers=dict(query_identity={}, two_stage={})), samples)
    assert found['nuscenes/car_AP'] > 0.9 and 'nuscenes/two_stage/AMOTA' in found
    assert not any('query_identity' in name for name in found)


@pytest.mark.parametrize('tracker', ['two_stage', 'greedy'])
def test_the_written_file_is_tracked_to_the_same_scores(infos, simulated_nuscenes, tmp_path,
                                                        tracker):
    random = torch.Generator().manual_seed(0)
    samples = labels_as_predictions(infos)
    for sample in samples:
        found = sample['pred_instances_3d']
        found = InstanceData.cat([found] * (1 + 600 // max(len(found), 1)))  # more than 500
        boxes = found.bboxes_3d.tensor.clone()
        boxes[:, :2] += torch.randn(len(boxes), 2, generator=random) * torch.linspace(
            .1, 40, len(boxes))[:, None]
        boxes[-1, 0] = torch.nan
        boxes[-2, 3] = 0
        found.bboxes_3d = LiDARInstance3DBoxes(boxes, box_dim=9)
        found.scores_3d = torch.linspace(.95, .2, len(boxes)) + torch.rand(
            len(boxes), generator=random) * .01
        sample['pred_instances_3d'] = found
    file, tracks = tmp_path / 'found.json', tmp_path / 'tracks.json'
    scores = scores_of(NuScenesTrackingMetric(
        data_root=str(simulated_nuscenes), ann_file=str(infos), submission_file=str(file),
        trackers={tracker: {}}), samples)
    track(file, infos, tracks, tracker)
    tokens = [entry['token'] for entry in read_info_file(infos, 'nuscenes')['data_list']]
    tables = open_tables(simulated_nuscenes, 'v1.0-mini')
    stored = evaluate_nuscenes_tracking(tracks, tables, 'val', tokens=tokens).scores
    own = {name.removeprefix(f'nuscenes/{tracker}/'): value for name, value in scores.items()
           if f'/{tracker}/' in name}
    assert own and own['car_FP'] > 0 and own == {name: pytest.approx(
        stored[name], abs=0, rel=1e-12, nan_ok=True) for name in own}


def test_identities_do_not_depend_on_who_tested_which_scene():
    entries = [dict(lidar_points=dict(lidar_path=f'{row}.bin'), scene_token=scene)
               for row, scene in enumerate('aabb')]
    metric = NuScenesTrackingMetric('', '')

    def result(row: int, ids: list[int]) -> dict:
        return dict(sample=row, track_ids=np.array(ids))
    one = [result(0, [0, 1]), result(1, [1, -1]), result(2, [2]), result(3, [2, 3])]
    two = [result(2, [0]), result(0, [0, 1]), result(3, [0, 1]), result(1, [1, -1])]
    for results in (one, two):
        ordered = metric.by_row(results, entries)
        assert list(ordered) == [0, 1, 2, 3]
        assert [found['track_ids'].tolist() for found in ordered.values()] == [
            [0, 1], [1, -1], [2], [2, 3]]


def test_a_wrong_tracker_is_told_before_the_test():
    with pytest.raises(ConfigError, match="no tracker 'best'"):
        NuScenesTrackingMetric('', '', trackers=dict(best={}))
    with pytest.raises(ConfigError, match="has no option 'hits'"):
        NuScenesTrackingMetric('', '', trackers=dict(two_stage=dict(hits=1)))

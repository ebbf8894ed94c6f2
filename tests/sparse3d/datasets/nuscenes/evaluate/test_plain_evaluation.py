"""nuScenes scores of plain arrays against those from tables, and over two processes."""
from __future__ import annotations

import json
import subprocess
import sys
import textwrap
import zipfile
from pathlib import Path

import numpy as np
import pytest

from sparse3d.datasets.nuscenes.evaluate import evaluate_nuscenes, evaluate_nuscenes_boxes
from sparse3d.datasets.nuscenes.prepare.sample import CLASSES
from sparse3d.errors import ConfigError, DataError
from sparse3d.structures.box_conversions import nuscenes_to_lidar

CAR = [10.0, 2.0, -1.0, 4.0, 2.0, 1.5, .3, 1.0, 0.0]


def as_arrays(boxes, sample: str) -> dict:
    """Boxes of the devkit as arrays in axes that are moved and turned with them."""
    items = boxes[sample]
    rows = {key: np.array([getattr(item, key) for item in items]).reshape(len(items), -1)
            for key in ('ego_translation', 'size', 'rotation', 'velocity')}
    plain = nuscenes_to_lidar(rows['ego_translation'], rows['size'], rows['rotation'])
    return dict(
        boxes=np.concatenate([plain, rows['velocity']], axis=1),
        labels=[CLASSES.index(item.detection_name) for item in items],
        scores=[item.detection_score for item in items],
        num_points=[item.num_pts for item in items],
        attributes=[item.attribute_name for item in items])


def test_scores_are_those_from_the_tables(golden_dir, tmp_path):
    with zipfile.ZipFile(golden_dir / 'metrics_nuscenes/nuscenes_tiny.zip') as archive:
        archive.extractall(tmp_path)
    tables = pytest.importorskip('nuscenes').NuScenes('v1.0-mini', str(tmp_path), verbose=False)
    from nuscenes.eval.common.loaders import add_center_dist, load_gt, load_prediction
    from nuscenes.eval.detection.data_classes import DetectionBox
    results = str(tmp_path / 'results_nusc.json')
    found, _ = load_prediction(results, 500, DetectionBox, verbose=False)
    truth = load_gt(tables, 'mini_val', DetectionBox, verbose=False)
    found, truth = add_center_dist(tables, found), add_center_dist(tables, truth)
    samples = json.loads(Path(results).read_text())['results']  # in the order of the devkit
    plain = evaluate_nuscenes_boxes([as_arrays(found, sample) for sample in samples],
                                    [as_arrays(truth, sample) for sample in samples])
    expected = evaluate_nuscenes(results, tables, 'mini_val')
    compared = 0
    for name, value in expected.scores.items():
        if name.startswith('m') and not name.startswith('motorcycle') or name == 'NDS' or (
                name.startswith(('bicycle', 'motorcycle'))):
            continue  # some stand in a bicycle rack, which only the tables know
        assert plain.scores[name] == pytest.approx(value, abs=1e-6, nan_ok=True), name
        compared += value == value and 0 < value < 1
    assert compared > 40


def test_a_frame_by_hand():
    truth = [dict(boxes=[CAR, [*CAR[:1], 30.0, *CAR[2:]]], labels=[0, 0], num_points=[5, 0])]
    found = [dict(boxes=[[10.5, *CAR[1:7]], CAR[:7]], labels=[0, -1], scores=[.9, .99])]
    result = evaluate_nuscenes_boxes(found, truth, classes=['car'])
    assert result.scores['car_AP_1.0'] == pytest.approx(1)
    assert result.scores['car_AP_0.5'] == 0  # not closer than half a meter
    assert result.scores['car_ATE'] == pytest.approx(.5)
    assert result.scores['car_AVE'] == pytest.approx(1)
    assert result.scores['car_AAE'] == 1 and 'no ground truth for class truck' in result.notes[0]


def test_ranges_are_measured_from_the_vehicle():
    far = [dict(boxes=[[49.0, *CAR[1:]]], labels=[0], scores=[.9])]
    assert evaluate_nuscenes_boxes(far, far).scores['car_AP'] == pytest.approx(1)
    ahead = np.eye(4)
    ahead[0, 3] = 2.0
    result = evaluate_nuscenes_boxes(far, far, lidar2ego=ahead)
    assert result.scores['car_AP'] == 0 and 'class car' in result.notes[0]


def test_nothing_at_all():
    nothing = dict(boxes=np.zeros((0, 9)), labels=[], scores=[])
    assert evaluate_nuscenes_boxes([nothing], [nothing]).scores['NDS'] == 0
    assert evaluate_nuscenes_boxes([], []).scores['mAP'] == 0


@pytest.mark.parametrize(('found', 'truth', 'error', 'message'), [
    ([], [{}], DataError, '0 frames of predictions and 1'),
    ([dict(boxes=[CAR], labels=[0], scores=[])], [dict(boxes=[], labels=[])], DataError,
     '1 labels but 0 scores'),
    ([dict(boxes=[CAR[:8]], labels=[0], scores=[1])], [dict(boxes=[], labels=[])], DataError,
     'have 8 numbers'),
    ([dict(boxes=[CAR], labels=[0], scores=[1.0], attributes=['parked'])],
     [dict(boxes=[], labels=[])], DataError, "attribute_name of box 0 of frame 0"),
    ([dict(boxes=[[np.nan, *CAR[1:]]], labels=[0], scores=[1.0])],
     [dict(boxes=[], labels=[])], DataError, 'translation of box 0 of frame 0 .* is NaN')])
def test_wrong_arrays_are_explained(found, truth, error, message):
    with pytest.raises(error, match=message):
        evaluate_nuscenes_boxes(found, truth)
    with pytest.raises(ConfigError, match='does not evaluate Car'):
        evaluate_nuscenes_boxes([], [], classes=['Car'])


WORKER = '''
import sys
sys.path.insert(0, sys.argv[3])
import torch.distributed as dist
from test_plain_evaluation import run_part
rank, world = int(sys.argv[1]), int(sys.argv[4])
dist.init_process_group('gloo', init_method=f'file://{sys.argv[2]}/store{world}', rank=rank,
                        world_size=world)
scores = run_part(sys.argv[2], rank, world)
print('SCORE', scores['nuscenes/NDS'], scores['nuscenes/car_AP'])
'''


def run_part(root: str, rank: int, world: int) -> dict:
    """Every ``world``-th sample, filled up with the first, as a distributed sampler does."""
    from mmengine.evaluator import Evaluator
    from test_evaluate import predictions

    from sparse3d.datasets.nuscenes.evaluate.metric import NuScenesDetectionMetric
    from sparse3d.transforms.info_files import read_info_file
    path = f'{root}/nuscenes/nuscenes_infos_val.pkl'
    samples = predictions(read_info_file(path, 'nuscenes'))
    for place, sample in enumerate(samples):  # not all right, not all alike
        sample['pred_instances_3d'].bboxes_3d.tensor[::2, 0] += 0.3 * place
    evaluator = Evaluator(NuScenesDetectionMetric(f'{root}/nuscenes', path))
    evaluator.dataset_meta = dict(classes=CLASSES)
    size = len(samples)
    dealt = (samples + samples)[:-(-size // world) * world][rank::world]
    evaluator.process(dealt, None)
    return evaluator.evaluate(size)


@pytest.mark.slow
def test_two_processes_give_the_result_of_one(simulated_nuscenes, tmp_path):
    from sparse3d.datasets.nuscenes.prepare import NuScenesPreparation, prepare_nuscenes
    prepare_nuscenes(simulated_nuscenes, out=tmp_path / 'nuscenes',
                     options=NuScenesPreparation(cameras=False, database=False))
    printed = {}
    for world in (1, 2):
        workers = [subprocess.Popen(
            [sys.executable, '-c', textwrap.dedent(WORKER), str(rank), str(tmp_path),
             str(Path(__file__).parent), str(world)], stdout=subprocess.PIPE, text=True)
            for rank in range(world)]
        lines = ''.join(worker.communicate(timeout=600)[0] for worker in workers).splitlines()
        printed[world] = [line for line in lines if line.startswith('SCORE')]
    assert len(printed[1]) == 1 and printed[2] == printed[1] * 2
    assert 0 < float(printed[1][0].split()[1]) < 1

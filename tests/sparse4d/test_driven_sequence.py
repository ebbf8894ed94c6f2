"""A data set detected in order: one sample after the other, whatever the batch."""
from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import warnings
from pathlib import Path

import pytest
import torch

from sparse3d.engine.hooks import reusing_features
from sparse3d.engine.hooks.feature_reuse import tell_split_scenes
from sparse3d.engine.scene_sampler import SceneSampler
from sparse3d.errors import Sparse3DWarning
from sparse4d.driven_sequence import DrivenSequence
from sparse4d_small import batch_of, predictions, same

SUPPORT = Path(__file__).resolve().parents[1] / 'support'


def test_samples_of_a_batch_follow_each_other(recurrent_detector, drive):
    model, frames, scenes = recurrent_detector(), drive(4), ['a', 'a', 'b', 'b']
    one, two = DrivenSequence(model), DrivenSequence(model)
    alone = [predictions(model, one, batch_of([frame], [scene]))[0]
             for frame, scene in zip(frames, scenes, strict=True)]
    pairs = [found for start in (0, 2) for found in predictions(
        model, two, batch_of(frames[start:start + 2], scenes[start:start + 2]))]
    for single, found in zip(alone, pairs, strict=True):
        same(found, single)
    assert not set(alone[1].track_ids.tolist()) & set(alone[2].track_ids.tolist())
    assert set(alone[2].track_ids.tolist()) & set(alone[3].track_ids.tolist())


def test_the_driver_owns_what_is_remembered(recurrent_detector, drive):
    model, frames = recurrent_detector(), drive(2)
    with reusing_features(model) as driver:
        first = [predictions(model, model, batch_of([frame], ['a']))[0] for frame in frames]
        assert isinstance(driver, DrivenSequence) and driver.state is not None
    with reusing_features(model):
        again = [predictions(model, model, batch_of([frame], ['a']))[0] for frame in frames]
    for one, other in zip(first, again, strict=True):
        same(other, one)
    alone = predictions(model, model, batch_of(frames[1:], ['a']))[0]  # no driver: a first frame
    assert (alone.scores_3d - first[1].scores_3d).abs().max() > 1e-4
    torch.testing.assert_close(alone.track_ids.sort().values, torch.arange(24))


def test_a_sampler_that_splits_scenes_is_told(recurrent_detector):
    with reusing_features(recurrent_detector()) as driver:
        with pytest.warns(Sparse3DWarning, match='spread over 8 processes'):
            tell_split_scenes(driver, None, 8)
        with warnings.catch_warnings():
            warnings.simplefilter('error')
            tell_split_scenes(driver, None, 1)
            tell_split_scenes(driver, SceneSampler(_Scenes()), 8)


class _Scenes:
    scenes = (0, 0, 1)

    def __len__(self) -> int:
        return 3


WALKS = '''
import json, sys
import numpy as np, torch
from mmengine.dist import collect_results, is_main_process
from sparse3d.datasets.nuscenes.evaluate.metric import NuScenesDetectionMetric
from sparse3d.engine.distributed import leave_process_group
from sparse3d.engine.scene_sampler import SceneSampler
from sparse4d.driven_sequence import DrivenSequence
from sparse4d_small import batch_of, drawn_drive, predictions, small_detector

class Drives:
    scenes = np.repeat(list('abc'), [4, 3, 2])
    frames = [frame for start, count in ((0, 4), (50, 3), (90, 2))
              for frame in drawn_drive(count, start=float(start))]

    def __len__(self):
        return len(self.scenes)

torch.set_num_threads(1)
torch.distributed.init_process_group('gloo')
drives, model = Drives(), small_detector()
driver, found = DrivenSequence(model), []
for row in SceneSampler(drives):
    (one,) = predictions(model, driver, batch_of([drives.frames[row]], [drives.scenes[row]]))
    found.append(dict(sample=row, track_ids=one.track_ids.numpy(), scores=one.scores_3d.tolist(),
                      boxes=one.bboxes_3d.tensor.tolist()))
found = collect_results(found, len(drives), 'cpu')
if is_main_process():
    entries = [dict(lidar_points=dict(lidar_path=f'{row}.bin'), scene_token=scene)
               for row, scene in enumerate(drives.scenes)]
    rows = NuScenesDetectionMetric('', '').by_row(found, entries)
    json.dump([dict(each, track_ids=each['track_ids'].tolist()) for each in rows.values()],
              open(sys.argv[1], 'w'))
leave_process_group()
'''


@pytest.mark.slow
def test_two_processes_give_the_tracks_of_one(tmp_path):
    one, two = (_walked(tmp_path, processes) for processes in (1, 2))
    assert [row['sample'] for row in one] == list(range(9)) == [row['sample'] for row in two]
    for alone, shared in zip(one, two, strict=True):
        assert alone['track_ids'] == shared['track_ids']
        assert alone['scores'] == shared['scores'] and alone['boxes'] == shared['boxes']
    assert set(one[0]['track_ids']) & set(one[3]['track_ids'])
    assert not set(one[3]['track_ids']) & set(one[4]['track_ids'])


def _walked(folder: Path, processes: int) -> list[dict]:
    out = folder / f'{processes}.json'
    with socket.socket() as listener:
        listener.bind(('127.0.0.1', 0))
        port = listener.getsockname()[1]
    started = [subprocess.Popen([sys.executable, '-c', WALKS, out], cwd=folder, env={
        **os.environ, 'RANK': str(rank), 'LOCAL_RANK': str(rank), 'WORLD_SIZE': str(processes),
        'MASTER_ADDR': '127.0.0.1', 'MASTER_PORT': str(port), 'CUDA_VISIBLE_DEVICES': '-1',
        'PYTHONPATH': os.pathsep.join([*sys.path, str(SUPPORT)])}) for rank in range(processes)]
    assert [process.wait(600) for process in started] == [0] * processes
    return json.loads(out.read_text())

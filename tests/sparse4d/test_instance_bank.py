"""The bank: first anchors, scenes of each sample, identities, states joined and forgotten."""
from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from sparse3d.errors import ConfigError, DataError
from sparse4d.anchors import COS, NUMBERS, VELOCITY, projected
from sparse4d.frame import Frame
from sparse4d.instance_bank import (
    BankOptions,
    InstanceBank,
    drawn_anchors,
    first_anchors,
    joined,
)
from sparse4d.published import Sparse4DPublished

OPTIONS = BankOptions(6, 4)


def frame_at(seconds: list[float], scenes: tuple | None = None) -> Frame:
    count = len(seconds)
    return Frame(None, torch.tensor(seconds, dtype=torch.float64),
                 torch.eye(4, dtype=torch.float64).expand(count, 4, 4), scenes)


def after(bank: InstanceBank, frame: Frame, state=None, with_ids: bool = True):
    """State and identities after a frame in which instances stay as they are."""
    step = bank.get(frame, state)
    features, anchors = bank.update(step, step.features, step.anchors,
                                    torch.randn(len(frame), 6, 3))
    return bank.cache(step, features, anchors, torch.randn(len(frame), 6, 3), frame, with_ids)


def test_first_anchors_lie_around_or_are_those_of_the_file(tmp_path):
    drawn = drawn_anchors(900, 55.0)
    radius = drawn[:, :2].norm(dim=1)
    assert radius.max() < 55 and (radius < 27.5).float().mean() == pytest.approx(0.25, abs=0.01)
    assert drawn[:, 7].eq(1).all() and drawn[:, 3:7].eq(0).all()
    np.save(tmp_path / 'anchors.npy', np.arange(66.0).reshape(6, 11))
    found = first_anchors(replace(OPTIONS, anchors=str(tmp_path / 'anchors.npy')))
    assert found.dtype == torch.float32 and found[5, 10] == 65
    np.save(tmp_path / 'few.npy', np.zeros((5, 11)))
    with pytest.raises(DataError, match=r'few.npy holds an array \(5, 11\), no anchors \(6, 11\)'):
        first_anchors(replace(OPTIONS, anchors=str(tmp_path / 'few.npy')))
    with pytest.raises(DataError, match='absent.npy'):
        first_anchors(replace(OPTIONS, anchors=str(tmp_path / 'absent.npy')))
    with pytest.raises(ConfigError, match='num_temporal is 7 and num_anchors 6'):
        InstanceBank(2, BankOptions(6, 7))


@pytest.mark.parametrize(('published', 'kept'), [
    ({}, [True, False, False]), (dict(scenes_by_time=True), [True, True, False])])
def test_a_scene_ends_where_its_name_or_the_time_says(published, kept):
    bank = InstanceBank(2, OPTIONS, Sparse4DPublished(**published))
    state, _ = after(bank, frame_at([0, 0, 0], ('a', 'a', 'a')))
    step = bank.get(frame_at([0.5, 0.5, 2.5], ('a', 'b', 'a')), state)
    assert step.kept.tolist() == kept
    expected = [0.5 if there else bank.options.first_interval for there in kept]
    assert step.interval.tolist() == expected


def test_a_frame_that_comes_twice_counts_as_half_a_second():
    bank = InstanceBank(2, OPTIONS)
    state, _ = after(bank, frame_at([3.0]))
    step = bank.get(frame_at([3.0]), state)
    assert step.interval.item() == 0.5 and step.kept.item()
    assert bank.get(frame_at([2.5]), state).interval.item() == -0.5  # backwards, in training


def test_times_of_this_century_keep_their_milliseconds():
    bank = InstanceBank(2, OPTIONS)
    state, _ = after(bank, frame_at([1.7e9 + 0.123]))
    step = bank.get(frame_at([1.7e9 + 0.223]), state)
    assert step.interval.item() == pytest.approx(0.1, rel=1e-4)


@pytest.mark.parametrize('restart', [False, True])
def test_identities_when_the_batch_changes(restart):
    bank = InstanceBank(2, OPTIONS, Sparse4DPublished(ids_restart=restart))
    state, ids = after(bank, frame_at([0, 0]))
    assert ids.tolist() == [list(range(6)), list(range(6, 12))] and state.next_id == 12
    alone, ids = after(bank, frame_at([0.5]), state)
    assert ids.min() == (0 if restart else 12)
    again, ids = after(bank, frame_at([0.0]), alone.forgotten())
    assert ids.min() == (0 if restart else 18)


def test_states_of_streams_are_joined():
    bank = InstanceBank(2, OPTIONS)
    states = [after(bank, frame_at([time], (name,)))[0] for time, name in ((0, 'a'), (7, 'b'))]
    whole = joined(states)
    assert len(whole) == 2 and whole.scenes == ('a', 'b') and whole.next_id == 6
    step = bank.get(frame_at([0.5, 7.5], ('a', 'b')), whole)
    assert step.kept.all() and torch.allclose(step.state.anchors[1], states[1].anchors[0])


def test_a_bank_without_memory():
    bank = InstanceBank(2, BankOptions(6, 0))
    state, ids = after(bank, frame_at([0]))
    assert state is None and ids is None


def test_the_number_of_anchors_of_a_file():
    """As large a part of them passes to the next frame."""
    bank = InstanceBank(2, BankOptions(900, 600, anchors='absent.npy'),
                        Sparse4DPublished(num_anchors=60))
    assert (bank.options.num_anchors, bank.options.num_temporal) == (60, 40)
    assert bank.anchor.shape == (60, 11)


@pytest.mark.parametrize(('name', 'value'), [
    ('num_anchors', 0), ('reach', -1.0), ('max_interval', float('nan')), ('first_interval', 0),
    ('decay', 1.5), ('id_threshold', -0.1)])
def test_options_that_are_none(name, value):
    with pytest.raises(ConfigError, match=f'{name} of the instance bank is {value}'):
        InstanceBank(4, BankOptions(**{**dict(num_anchors=6, num_temporal=0), name: value}))


@pytest.mark.slow
def test_labels_of_a_training_lie_where_the_bank_moves_them(tmp_path, monkeypatch):
    """Along sequences of a simulated drive, with skipped frames and augmentation of the scene."""
    from mmdet3d.registry import DATASETS
    from mmengine.registry import DATA_SAMPLERS, init_default_scope

    import sparse3d.register  # noqa: F401
    from sparse3d.datasets.nuscenes.prepare import prepare_nuscenes
    from sparse3d.datasets.nuscenes.simulate import NuScenesOptions, simulate_nuscenes
    from sparse3d.engine.load_config import load_config
    options = NuScenesOptions(seconds=4, image_width=80, camera_rate=4, azimuths=120)
    simulate_nuscenes(tmp_path / 'drive', 2, seed=3, options=options, show_progress=False)
    prepare_nuscenes(tmp_path / 'drive', version=None)
    monkeypatch.setenv('SPARSE3D_SIMULATED_NUSCENES', str(tmp_path / 'drive'))
    init_default_scope('mmdet3d')
    loader = load_config('sparse4d_simulated_nuscenes').train_dataloader
    dataset = DATASETS.build(loader.dataset)
    sampler = DATA_SAMPLERS.build(dict(loader.sampler, dataset=dataset, seed=1))
    apart, before = [], None
    for (index, ), _ in zip(sampler.batches(1), range(24), strict=False):
        sample = dataset[index]['data_samples']
        objects, of = sample.gt_instances_3d, sample.metainfo
        if before is not None and before[1]['scene_token'] == of['scene_token']:
            apart += _after_moving(before, (objects, of))
        before = objects, of
    assert len(apart) > 50 and np.median(apart) < 1e-3 and np.mean(apart) < 0.05


def _after_moving(before: tuple, now: tuple) -> list[float]:
    """How far labels of a frame, moved by the bank, lie from those of the next [m]."""
    (objects, of), (others, where) = before, now
    boxes = objects.bboxes_3d.tensor
    anchors = torch.zeros(1, len(boxes), NUMBERS)
    anchors[0, :, :3] = objects.bboxes_3d.gravity_center
    anchors[0, :, VELOCITY.start:VELOCITY.start + 2] = boxes[:, 7:9]
    anchors[0, :, COS] = 1
    transforms = torch.linalg.inv(torch.as_tensor(where['lidar2global'])) @ torch.as_tensor(
        of['lidar2global'])
    moved = projected(anchors, transforms[None].float(), torch.tensor(
        [where['timestamp'] - of['timestamp']]).float(), False)[0]
    rows = {int(track): row for row, track in enumerate(others.track_ids)}
    return [float((moved[row, :2] - others.bboxes_3d.tensor[rows[int(track)], :2]).norm())
            for row, track in enumerate(objects.track_ids)
            if int(track) in rows and not boxes[row, 7:9].isnan().any()]

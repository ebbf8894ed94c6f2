"""Queries that begin at the objects: the nearest are moved, nothing else, and only in a test."""
from __future__ import annotations

import subprocess
import sys
from types import SimpleNamespace

import pytest
import torch
from mmdet3d.structures import Det3DDataSample, LiDARInstance3DBoxes
from torch import nn

from sparse3d.errors import ConfigError, DataError
from sparse3d.models.query.box_code import centers_in_meters
from sparse3d_benchmarks.query_places import PlacedQueries, QueriesAtObjectsHook
from sparsebev.beginnings import Beginning

LIMITS = (-50.0, -50.0, -5.0, 50.0, 50.0, 3.0)


class Learned(nn.Module):
    has_boxes = True

    def forward(self, head, maps, views):
        boxes = torch.zeros(2, 4, 10)
        boxes[..., :3] = torch.tensor([[.1, .1, .5], [.5, .5, .5], [.9, .1, .5], [.9, .9, .5]])
        boxes[..., 3:] = torch.arange(7.0)
        return Beginning(boxes)


def head():
    made = nn.Module()
    made.point_cloud_range, made.beginning = LIMITS, Learned()
    return made


def sample(*centers):
    boxes = torch.tensor([[*center, 4, 2, 1.5, 0.3, 1, 0] for center in centers]).reshape(-1, 9)
    return Det3DDataSample(eval_ann_info=dict(gt_bboxes_3d=LiDARInstance3DBoxes(
        boxes, box_dim=9, origin=(.5, .5, .5))))


def test_the_nearest_query_of_each_object_begins_there():
    places, plain = PlacedQueries(Learned()), Learned()(None, [], None).boxes
    places.objects = [torch.tensor([[38.0, 42.0, 1.0], [42.0, 38.0, 0.0]]), torch.zeros(0, 3)]
    moved = places(head(), [], None).boxes
    centers = centers_in_meters(moved, LIMITS)
    # Both lie near the last query; one takes it, the other the next nearest.
    torch.testing.assert_close(centers[0, 3], torch.tensor([42.0, 38.0, 0.0]))
    torch.testing.assert_close(centers[0, 1], torch.tensor([38.0, 42.0, 1.0]))
    assert moved[0, [0, 2]].equal(plain[0, [0, 2]]) and moved[1].equal(plain[1])
    assert moved[..., 3:].equal(plain[..., 3:])


def test_more_objects_than_queries_move_all_of_them():
    places = PlacedQueries(Learned())
    places.objects = [torch.rand(9, 3), torch.rand(1, 3)]
    assert places(head(), [], None).boxes.isfinite().all()


def test_the_hook_leaves_the_head_as_it_was():
    hook, model = QueriesAtObjectsHook(), nn.Module()
    model.bbox_head = head()
    learned, runner = model.bbox_head.beginning, SimpleNamespace(model=model)
    hook.before_test(runner)
    hook.before_test_iter(runner, 0, dict(data_samples=[sample((1, 2, 0)), sample()]))
    assert [len(centers) for centers in model.bbox_head.beginning.objects] == [1, 0]
    torch.testing.assert_close(model.bbox_head.beginning.objects[0],
                               torch.tensor([[1.0, 2.0, 0.0]]))
    hook.after_test(runner)
    assert model.bbox_head.beginning is learned


def test_what_it_cannot_test_is_refused():
    hook, model = QueriesAtObjectsHook(), nn.Module()
    with pytest.raises(ConfigError, match='Module has no queries that begin as boxes'):
        hook.before_test(SimpleNamespace(model=model))
    model.bbox_head = head()
    hook.before_test(SimpleNamespace(model=model))
    with pytest.raises(DataError, match='no labels'):
        hook.before_test_iter(None, 0, dict(data_samples=[Det3DDataSample()]))


def test_it_says_how_it_is_called():
    done = subprocess.run([sys.executable, '-m', 'sparse3d_benchmarks.query_places', '--help'],
                          capture_output=True, text=True)
    assert done.returncode == 0 and 'query_places CONFIG CHECKPOINT --out' in done.stdout

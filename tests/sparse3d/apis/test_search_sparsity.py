"""The search of ratios as a whole: its file, going on, what it refuses."""
from __future__ import annotations

import json
from types import SimpleNamespace

import pytest
import torch
from torch import nn

import sparse3d.register  # noqa: F401  (registers the core)
from sparse3d.apis import search_sparsity as whole
from sparse3d.apis.search_sparsity import ScoredModel, SearchRequest, seen_by
from sparse3d.engine.ratio_search import SearchSettings
from sparse3d.errors import ConfigError, DataError
from sparse3d.models.backbones.sparse_swin import SparseSwin

SETTINGS = SearchSettings((.5, .8), generations=1, population=4, parents=2)
REQUEST = SearchRequest('some', 'some.pth', 'toy/mAP')


class Detector(nn.Module):
    """Sees two images of 56 x 56 pixels in every sample."""

    def __init__(self):
        super().__init__()
        self.backbone = SparseSwin(embed_dims=8, depths=(2, 4), num_heads=(1, 2), strides=(4, 2),
                                   out_indices=(1,))

    def test_step(self, batch):
        return self.backbone(torch.ones(2, 3, 112, 56), None)


class Runner:
    """Scores fall with the ratios of the second stage."""

    def __init__(self):
        self.model, self.tests = Detector(), 0
        self.test_loop = SimpleNamespace(dataloader=SimpleNamespace(dataset=[{}]))

    def test(self):
        self.tests += 1
        return {'toy/mAP': 1 - sum(self.model.backbone.ratios[1]), 'toy/other': 0.0}


@pytest.fixture
def runner(monkeypatch):
    made = Runner()
    monkeypatch.setattr(ScoredModel, 'open', lambda request, *_: ScoredModel(
        made, request.unit, request.metric))
    return made


def test_the_file_has_the_best_and_all_others(runner, tmp_path):
    out = tmp_path / 'ratios.json'
    found = whole.search_sparsity(REQUEST, out, SETTINGS)
    stored = json.loads(out.read_text())
    assert {key: stored[key] for key in ('ratios', 'score', 'cost')} == {
        key: found[key] for key in ('ratios', 'score', 'cost')}
    assert {'command', 'commit', 'device', 'date'} <= set(stored)
    scored = [one for one in stored['candidates'] if one['score'] is not None]
    assert len(scored) == runner.tests == stored['scored']
    assert stored['score'] == max(one['score'] for one in scored)
    assert all(.5 <= one['cost'] <= .8 for one in scored) and stored['dense_cost'] == 1


def test_a_second_start_tests_nothing_again(runner, tmp_path):
    out = tmp_path / 'ratios.json'
    first = whole.search_sparsity(REQUEST, out, SETTINGS)
    tests = runner.tests
    again = whole.search_sparsity(REQUEST, out, SETTINGS)
    assert runner.tests == tests and again['ratios'] == first['ratios']


def stop_after(tests: int, runner):
    """Interrupt the runner's next test when it has had so many; its test as it was."""
    test = runner.test

    def stopped():
        if runner.tests == tests:
            raise KeyboardInterrupt
        return test()
    runner.test = stopped
    return test


def test_an_interrupted_search_goes_on(runner, tmp_path):
    out, whole_out = tmp_path / 'ratios.json', tmp_path / 'whole.json'
    expected = whole.search_sparsity(REQUEST, whole_out, SETTINGS)
    needed, runner.tests = runner.tests, 0
    test = stop_after(2, runner)
    with pytest.raises(KeyboardInterrupt):
        whole.search_sparsity(REQUEST, out, SETTINGS)
    assert json.loads(out.read_text())['scored'] == 2
    runner.test = test
    found = whole.search_sparsity(REQUEST, out, SETTINGS)
    assert runner.tests == needed and found['candidates'] == expected['candidates']


def test_milliseconds_are_measured(runner):
    scored = ScoredModel(runner, 'ms', None)
    assert scored.dense_cost > 0 and scored.images.shape == (2, 3, 112, 56)
    assert scored.score((0., 0., .2)) == pytest.approx(.6)  # the first mAP of the test


def test_what_is_refused(runner, tmp_path):
    out = tmp_path / 'ratios.json'
    with pytest.raises(ConfigError, match="no metric 'toy/none'; it gives toy/mAP, toy/other"):
        whole.search_sparsity(SearchRequest('some', 'some.pth', 'toy/none'), out, SETTINGS)
    with pytest.raises(ConfigError, match="unit is 'flops'"):
        whole.search_sparsity(SearchRequest('some', 'some.pth', unit='flops'), out, SETTINGS)
    whole.search_sparsity(REQUEST, out, SETTINGS)
    with pytest.raises(DataError, match="search with checkpoint 'some.pth', asked for is 'b.pth'"):
        whole.search_sparsity(SearchRequest('some', 'b.pth', 'toy/mAP'), out, SETTINGS)
    with torch.no_grad():  # the file of the checkpoint was written anew
        next(runner.model.parameters()).add_(1)
    with pytest.raises(DataError, match='other weights than some.pth has now; name another file'):
        whole.search_sparsity(REQUEST, out, SETTINGS)
    out.write_text('{}')
    with pytest.raises(DataError, match='not a file of this tool'):
        whole.search_sparsity(REQUEST, out, SETTINGS)
    runner.model = nn.Linear(1, 1)
    with pytest.raises(ConfigError, match='the model has 0 SparseSwin'):
        ScoredModel(runner, 'macs', None)


def test_images_are_those_that_reach_the_backbone():
    model = Detector()
    images, seen = seen_by(model, model.backbone, {})
    assert images.shape == (2, 3, 112, 56) and seen is None
    assert model.backbone._forward_pre_hooks == {}


def test_the_best_so_far_lies_within_the_limits_of_now(runner, tmp_path):
    """A search with other limits may have left better scores in the file."""
    out = tmp_path / 'ratios.json'
    whole.search_sparsity(REQUEST, out, SearchSettings((.8, 1), 0, population=4, parents=2))
    stop_after(5, runner)
    with pytest.raises(KeyboardInterrupt):
        whole.search_sparsity(REQUEST, out, SearchSettings((.4, .6), 0, population=4, parents=2))
    assert runner.tests == 5 and .4 <= json.loads(out.read_text())['cost'] <= .6

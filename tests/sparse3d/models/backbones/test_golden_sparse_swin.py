"""SparseSwin gives what the released SparseViT gives: windows, tokens, outputs, gradients.

Reads the folder of stored outputs; values are filled in by its own rule.
"""
from __future__ import annotations

import importlib.util
import json

import numpy as np
import pytest
import torch

import sparse3d.register  # noqa: F401  (registers the core)
from sparse3d.models.backbones import sparse_swin
from sparse3d.models.backbones.sparse_swin import SparseSwin

CASES = {
    'dense': [[0, 0], [0, 0], [0] * 6, [0, 0]],
    'published': [[.6, .6], [0, 0], [.2, .2, .4, .4, .5, .5], [0, 0]],
    'mixed': [[0, .5], [.3, .6], [0, .2, .2, .4, .6, .8], [.5, .5]],
}
RUNS = ('aligned_dense', 'aligned_published', 'aligned_mixed', 'unaligned_dense_padbefore',
        'unaligned_mixed_padbefore', 'unaligned_dense_padafter', 'unaligned_mixed_padafter')
STEPS = (32, 48, 64, 96)  # every so many channels of an output are stored
MEAN, STD = (123.675, 116.28, 103.53), (58.395, 57.12, 57.375)

pytestmark = pytest.mark.usefixtures('one_thread')


class Stored:
    """What is stored, and the backbone with the stored weights."""

    def __init__(self, folder):
        spec = importlib.util.spec_from_file_location('weights_of_goldens', folder / 'weights.py')
        rule = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(rule)
        folder = folder / 'sparsevit'
        self.outputs, self.inputs = (np.load(folder / f'{name}.npz')
                                     for name in ('outputs', 'inputs'))
        self.norms = json.loads((folder / 'grad_norms.json').read_text())
        self.state = rule.state_dict(folder / 'state.json')

    def backbone(self, run):
        model = SparseSwin(CASES[run.split('_')[1]], published=dict(
            padding=run.endswith('padbefore')))
        lacking, strange = model.load_state_dict(self.state, strict=False)
        assert strange == [] and {name.rsplit('.', 1)[1] for name in lacking} == {
            'relative_position_index'}
        return model.eval()

    def images(self, run):
        pixels = torch.from_numpy(self.inputs[f'image_{run.split("_")[0]}']).float()
        mean, std = torch.tensor(MEAN), torch.tensor(STD)
        return ((pixels - mean) / std).permute(0, 3, 1, 2).contiguous()


@pytest.fixture(scope='module')
def stored(golden_dir):
    if not (golden_dir / 'sparsevit').is_dir():
        pytest.skip(f'{golden_dir}/sparsevit is absent')
    return Stored(golden_dir)


class Watched:
    """Records scores, chosen windows and tokens of every block of a backbone that runs."""

    def __init__(self, model, monkeypatch):
        self.scores, self.windows, self.tokens = [], {}, {}
        names = {id(block): f's{stage}b{number}' for stage, blocks in enumerate(model.stages)
                 for number, block in enumerate(blocks.blocks)}
        scores, on_windows = sparse_swin.StageRanking.best, sparse_swin.on_windows

        def best(ranking, grid, shifted, ratio, truncated):
            if shifted not in ranking._rankings:
                self.scores.append(sparse_swin_scores(ranking.activation, grid))
            self.last = scores(ranking, grid, shifted, ratio, truncated)
            return self.last

        def watched(block, features, *rest):
            result = on_windows(block, features, *rest)
            if self.last is not None:
                self.windows[names[id(block)]] = self.last
            self.last = None
            self.tokens[names[id(block)]] = result
            return result
        from sparse3d.models.backbones.window_pruning import window_scores as sparse_swin_scores
        self.last = None
        monkeypatch.setattr(sparse_swin.StageRanking, 'best', best)
        monkeypatch.setattr(sparse_swin, 'on_windows', watched)
        for block in (block for blocks in model.stages for block in blocks.blocks):
            block.register_forward_hook(lambda module, _, result: self.tokens.__setitem__(
                names[id(module)], result))


def digest(values, axis):
    return torch.stack([values.mean(axis), values.norm(dim=axis)], axis)


def near(found, expected, tolerance):
    np.testing.assert_allclose(found.detach().numpy(), expected, rtol=0, atol=tolerance)


@pytest.mark.parametrize('run', RUNS)
def test_every_stored_array(stored, run, monkeypatch):
    model = stored.backbone(run)
    watched = Watched(model, monkeypatch)
    with torch.no_grad():
        maps = model(stored.images(run))
    compared = 0
    for name in (name for name in stored.outputs.files if name.startswith(f'{run}_')):
        expected, what = stored.outputs[name], name.removeprefix(f'{run}_')
        if what == 'input_grad_digest':
            continue
        compared += 1
        if what.endswith('_windows'):
            found = watched.windows.pop(what.removesuffix('_windows'))
            assert [set(row) for row in found.tolist()] == [set(row) for row in expected.tolist()]
            assert found.shape == expected.shape
        elif what.startswith('scores'):
            near(watched.scores[int(what.removeprefix('scores'))], expected, 5e-5)
        elif what.endswith('_tokens'):
            near(digest(watched.tokens[what.removesuffix('_tokens')], 2), expected, 5e-5)
        elif what.endswith('_digest'):
            near(digest(maps[int(what[5])], 1), expected, 1e-4)
        else:
            stage = int(what.removeprefix('stage'))
            near(maps[stage][:, ::STEPS[stage]], expected, 2e-5)
    assert compared > 10 and watched.windows == {}


@pytest.mark.parametrize('run', ['aligned_dense', 'aligned_mixed', 'unaligned_dense_padafter',
                                 'unaligned_mixed_padafter'])
def test_loss_and_gradient_of_every_parameter(stored, run):
    model, images = stored.backbone(run), stored.images(run).requires_grad_()
    loss = sum((values * wave(values, number)).sum() / values.numel() ** .5
               for number, values in enumerate(model(images)))
    loss.backward()
    norms = dict(stored.norms[run])
    np.testing.assert_allclose(loss.item(), norms.pop('loss'), rtol=1e-5)
    found = {name: value.grad.norm().item() for name, value in model.named_parameters()}
    names = [name for name in norms if name in found]
    assert set(found) == set(names) and len(norms) == len(names) + 1
    np.testing.assert_allclose([found[name] for name in names], [norms[name] for name in names],
                               rtol=1e-3)
    (of_input,) = (norms[name] for name in norms if name not in found)
    np.testing.assert_allclose(images.grad.norm().item(), of_input, rtol=1e-3)
    if f'{run}_input_grad_digest' in stored.outputs.files:
        near(digest(images.grad, 1), stored.outputs[f'{run}_input_grad_digest'], 1e-4)


def wave(values, number):
    flat = torch.arange(values.numel(), dtype=torch.float64)
    return (0.37 * flat + number).cos().float().view(values.shape)


def test_padding_before_and_after_the_norm_differ(stored):
    """What the quirk is for: other outputs where a map is no multiple of the window."""
    with torch.no_grad():
        before, after = (stored.backbone(f'unaligned_dense_{way}')(
            stored.images('unaligned_dense')) for way in ('padbefore', 'padafter'))
    assert min((one - other).abs().max() for one, other in zip(before, after, strict=True)) > .1


def test_dense_is_mmdets_swin_bit_for_bit(stored):
    from mmdet.models.backbones.swin import SwinTransformer
    theirs = SwinTransformer()
    theirs.load_state_dict(stored.state, strict=False)
    for run in ('aligned_dense', 'unaligned_dense_padafter'):
        with torch.no_grad():
            pairs = zip(stored.backbone(run)(stored.images(run)),
                        SwinTransformer.forward(stored_eval(theirs), stored.images(run)),
                        strict=True)
            assert all(torch.equal(one, other) for one, other in pairs)


def stored_eval(model):
    model.eval()
    return model

"""The whole published model over three training frames: outputs, losses, gradients, memory."""
from __future__ import annotations

import pytest
import torch

from sparse4d.published_names import ours
from sparse4d_training import StoredTraining

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures('one_thread')]
ARRAYS, LOSSES, NORMS = 2e-3, 1e-4, 5e-3


@pytest.fixture(scope='module')
def run(stored):
    """Losses, outputs and gradients of the three frames."""
    training, found = StoredTraining(stored), []
    for number in range(3):
        training.model.zero_grad()
        losses = training.run(number)
        if number == 1:
            sum(losses.values()).backward()
        found.append(dict(
            losses={name: float(value) for name, value in losses.items()},
            outputs=training.outputs, denoised=training.denoised, kept=training.model.last_frame,
            depths=[depth.detach() for depth in training.depths],
            gradients={name: value.grad.clone() for name, value
                       in training.model.named_parameters() if value.grad is not None}))
    return found


def compare(found: torch.Tensor, expected: torch.Tensor, tolerance: float = ARRAYS) -> None:
    torch.testing.assert_close(found.detach().float(), expected.float(), rtol=0, atol=tolerance)


@pytest.mark.parametrize('number', range(3))
def test_losses(run, stored_losses, number):
    prefix = f'f{number}.'
    expected = {name.removeprefix(prefix): float(value) for name, value in stored_losses.items()
                if name.startswith(prefix)}
    total = expected.pop('total')
    assert run[number]['losses'] == pytest.approx(expected, rel=LOSSES)
    assert sum(run[number]['losses'].values()) == pytest.approx(total, rel=LOSSES)


@pytest.mark.parametrize('number', range(3))
def test_outputs(run, stored_training, number):
    learned, noisy = run[number]['outputs'].of_learned(), run[number]['outputs'].of_noisy()
    for part, prefix, layers in ((learned, '', range(6)), (noisy, 'dn_', (0, 1, 5))):
        for layer in layers:
            compare(part.logits[layer], stored_training[f'f{number}_{prefix}cls{layer}'])
            compare(part.anchors[layer], stored_training[f'f{number}_{prefix}pred{layer}'])
    for layer in (0, 5):
        compare(learned.quality[layer], stored_training[f'f{number}_quality{layer}'])
    for level, depth in enumerate(run[number]['depths']):
        expected = stored_training[f'f{number}_depth{level}']
        compare(depth[:, 0] if level else depth[::4, 0], expected)


@pytest.mark.parametrize('number', range(3))
def test_what_goes_on(run, stored_training, number):
    kept = run[number]['kept']
    compare(kept.bank.anchors, stored_training[f'f{number}_bank_anchor'])
    compare(kept.bank.confidence, stored_training[f'f{number}_bank_confidence'])
    compare(kept.bank.features[..., ::8], stored_training[f'f{number}_bank_feature_s'])
    stored = {name.removeprefix(f'f{number}_cache_'): value
              for name, value in stored_training.items() if name.startswith(f'f{number}_cache_')}
    compare(kept.groups.features[..., ::16], stored['dn_instance_feature'])
    compare(kept.groups.anchors, stored['dn_anchor'])
    assert kept.groups.labels.equal(stored['dn_cls_target'])
    assert kept.groups.valid.equal(stored['valid_mask'])
    assert kept.groups.ids.equal(stored['dn_id_target'])
    if number:
        later = run[number]['denoised'].later
        assert later.labels.equal(stored_training[f'f{number}_after_cls_target'])
        assert later.ids.equal(stored_training[f'f{number}_after_id_target'])
        compare(later.anchors, stored_training[f'f{number}_after_anchor'][:, 100:])


def test_gradients(run, stored_losses, stored_training):
    gradients = run[1]['gradients']
    expected = {ours(name.removeprefix('gradnorm.')): float(value)
                for name, value in stored_losses.items() if name.startswith('gradnorm.')}
    expected.pop(None, None)
    found = {name: float(gradients[name].norm()) if name in gradients else 0.0
             for name in expected}
    largest = max(expected.values())
    assert found == pytest.approx(expected, rel=NORMS, abs=1e-7 * largest)
    compare(gradients['bbox_head.bank.anchor'], stored_training['grad_anchor'])
    compare(gradients['bbox_head.values.value_projection.weight'][::16, ::8],
            stored_training['grad_fc_before_s'])
    compare(gradients['depth_branch.depth_layers.0.weight'].flatten(),
            stored_training['grad_depth0'])
    compare(gradients['backbone.conv1.weight'][::8], stored_training['grad_conv1_s'])


def test_with_norms_that_train(stored, stored_losses, stored_training):
    training = StoredTraining(stored, train_norms=True)
    for number in range(3):
        with torch.no_grad():
            losses = training.run(number)
        expected = {name.removeprefix(f'bntrain.f{number}.'): float(value)
                    for name, value in stored_losses.items()
                    if name.startswith(f'bntrain.f{number}.')}
        total = expected.pop('total', None)
        assert expected or total
        found = {name: float(value) for name, value in losses.items()}
        assert {name: found[name] for name in expected} == pytest.approx(expected, rel=1e-3)
        if total is not None:
            assert sum(found.values()) == pytest.approx(total, rel=1e-3)
    norm = training.model.backbone.bn1
    compare(norm.running_mean, stored_training['bntrain_bn1_running_mean'])
    assert int(norm.num_batches_tracked) == 3

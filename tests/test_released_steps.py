"""Five training steps in float64 equal those of the released code: losses, norms, weights."""
from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from mmdet3d.structures import LiDARInstance3DBoxes
from torch import Tensor, nn

import dsvt.published_checkpoint
import sparsefusion_golden
from focalsconv import dilation
from focalsconv.published_checkpoint import convert_published
from focalsconv_golden import Golden
from released_recipes import RECIPES, Training, fill_function, values
from sparse3d.models.query.box_code import ground_truth_boxes
from sparse3d.models.query.query_denoising import Noise, noisy_queries
from sparse3d.structures.cameras import Cameras
from sparsebev.published_checkpoint import SAMPLING_AS_PUBLISHED
from sparsebev.views import Views
from sparsefusion_batch import LOSSES, Batch

pytestmark = pytest.mark.usefixtures('one_thread', 'double')


@pytest.fixture
def double(monkeypatch) -> Iterator[None]:
    """Casts to float32 inside models leave float64 as it is, and make it of whole numbers."""
    monkeypatch.setattr(Tensor, 'float', lambda value: value if value.dtype == torch.float32
                        else value.double())
    yield
    torch.set_default_dtype(torch.float32)


class Steps:
    """A training as the released loop runs it, beside the stored one."""

    def __init__(self, training: Training, stored: str) -> None:
        training.model.train()
        training.start()
        self.training, self.stored = training, np.load(training.golden / stored)
        self.start = {name: value.detach().clone()
                      for name, value in training.model.named_parameters()}
        self.parameters = [(row, name, training.ours[name]) for row, name in enumerate(
            self.stored['param_names'].tolist()) if name in training.ours]

    def run(self, losses: Callable[[], tuple[Tensor, dict[str, float]]],
            number: int = 5) -> Iterator[int]:
        """Do a step at a time; gives its number when it can be compared.

        Args:
            losses: gives the total and its terms.
            number: of steps.
        """
        wrapper, optimizer = self.training.optim_wrapper, self.training.optim_wrapper.optimizer
        for step in range(number):
            wrapper.zero_grad()
            self.total, self.terms = losses()
            self.total.backward()
            self.norms = {name: 0.0 if value.grad is None else value.grad.norm().item()
                          for name, value in self.training.model.named_parameters()}
            wrapper._clip_grad()
            optimizer.step()
            for schedule in self.training.schedules:
                schedule.step()
            yield step

    def compare(self, step: int, total: float, norm: float | None = None,
                updates: float | None = None, median: float | None = None,
                statistics: float | None = None, terms: float | None = None) -> None:
        """Hold a step against the stored one; all tolerances are relative.

        Terms have the tolerance of the total unless they are given one.
        """
        stored = self.stored
        assert self.total.item() == pytest.approx(stored['total'][step], rel=total)
        known = dict(zip(stored['term_names'].tolist(), stored['terms'][step], strict=True))
        assert len(self.terms) > 3
        for name, value in self.terms.items():
            assert value == pytest.approx(known[name], rel=terms or total), name
        if norm is not None:
            assert self.norm == pytest.approx(stored['norm_before'][step], rel=norm)
        if updates is not None:
            assert self.updates(step).max() < updates
        if median is not None:
            assert np.median(self.updates(step)) < median
        if statistics is not None:
            assert self.statistics(step) < statistics

    @property
    def norm(self) -> float:
        """Of all gradients, before they are clipped."""
        return float(np.sqrt(sum(norm ** 2 for norm in self.norms.values())))

    def updates(self, step: int) -> np.ndarray:
        """Relative errors of how far each parameter is from its start; of tiny ones the
        absolute error by the largest."""
        now = dict(self.training.model.named_parameters())
        found = np.array([(now[ours].detach() - self.start[ours]).norm().item()
                          for _, _, ours in self.parameters])
        wanted = np.sqrt(self.stored['params'][step, [row for row, *_ in self.parameters], 3])
        assert len(found) > 30
        return np.abs(found - wanted) / np.maximum(wanted, 1e-6 * wanted.max())

    def statistics(self, step: int) -> float:
        """Largest error of a running mean or variance, by its norm."""
        translate, buffers = self.training.recipe.translate, dict(
            self.training.model.named_buffers())
        worst, checked = 0.0, 0
        for name, (_, squares, *_) in zip(self.stored['buffer_names'].tolist(),
                                          self.stored['buffers'][step], strict=True):
            if translate(name) in buffers:
                found = buffers[translate(name)].norm().item()
                worst = max(worst, abs(found / np.sqrt(squares) - 1))
                checked += 1
        assert checked > 10
        return worst


def load(training: Training, state: dict[str, Tensor], part: str = '') -> None:
    """Take over weights, all of the model or of a part, in float64."""
    missing, unexpected = training.model.load_state_dict(state, strict=False)
    assert not [name for name in missing if name.startswith(part)
                and name in training.parameters] and not unexpected
    training.model.double()


def released_state(golden_dir: Path, training: Training) -> dict[str, Tensor]:
    """The stored weights and statistics by the names of ours, float64."""
    fill, state = fill_function(golden_dir), {}
    listing = json.loads((training.golden.parent / training.recipe.state).read_text())
    for name, shape, *given in listing:
        found = training.recipe.translate(name)
        if found:
            state[found] = (torch.tensor(given[0]).reshape(shape).double() if given
                            else values(fill, name, shape))
    return state


# DSVT ------------------------------------------------------------------------

RANGE = [-11.52, -7.68, -2, 11.52, 7.68, 4]
SMALL_DSVT = {  # the stored range and grid, and the released behaviour
    'model.voxel_encoder.point_cloud_range': RANGE,
    'model.bbox_head.bbox_coder.point_cloud_range': RANGE,
    'model.middle_encoder.grid_shape': [72, 48, 1],
    'model.published': dsvt.published_checkpoint.QUIRKS['pillar']}
ALL_TRAINED = {'model.published.leaf_parameters': False}


def exact_cells(encoder: nn.Module) -> None:
    """Cells of 0.32 m in all digits of float64, as the released module computes them."""
    encoder.voxel_size.copy_(torch.tensor([0.32, 0.32, 6.0], dtype=torch.float64))
    low = torch.tensor(RANGE[:3], dtype=torch.float64)
    encoder.first_center.copy_(low + encoder.voxel_size / 2)


def dsvt_losses(model: nn.Module, golden_dir: Path):
    stored = np.load(golden_dir / 'dsvt' / 'inputs.npz')
    points = torch.from_numpy(stored['waymo_points'])
    cell = torch.tensor([0.32, 0.32, 6.0])
    place = torch.div(points[:, 1:4] - torch.tensor(RANGE[:3]), cell, rounding_mode='floor').long()
    inside = ((place >= 0) & (place < torch.tensor([72, 48, 1]))).all(1)
    voxels = torch.cat([points[:, :1].long(), place.flip(1)], 1)[inside]
    boxes = [of_sample[of_sample[:, 3] > 0] for of_sample in
             torch.from_numpy(stored['waymo_gt_boxes'])]
    points = points[inside, 1:].double()

    def losses():
        features, coordinates = model.voxel_encoder(points, voxels)
        maps = model.bbox_head(model.backbone(model.middle_encoder(features, coordinates, 2)))
        terms = model.bbox_head.loss_by_maps(maps, [of_sample[:, :7] for of_sample in boxes],
                                             [of_sample[:, -1].long() - 1 for of_sample in boxes])
        return sum(terms.values()), {
            released: terms[ours].item() for released, ours in (
                ('hm_loss_head_0', 'loss_heatmap'), ('loc_loss_head_0', 'loss_bbox'),
                ('iou_loss_head_0', 'loss_iou'), ('iou_reg_loss_head_0', 'loss_diou'))}
    return losses


@pytest.mark.slow
@pytest.mark.parametrize('stored, options', [('steps_all', ALL_TRAINED), ('steps', {})])
def test_dsvt(golden_dir, stored, options):
    """All parameters trained; or the projections into attention left out, as a converted
    checkpoint has it."""
    training = Training(RECIPES['dsvt'], golden_dir, short=False,
                        options={**SMALL_DSVT, **options})
    load(training, released_state(golden_dir, training))
    exact_cells(training.model.voxel_encoder)
    steps = Steps(training, f'{stored}.npz')
    for step in steps.run(dsvt_losses(training.model, golden_dir)):
        steps.compare(step, total=1e-6, norm=1e-6, updates=1e-4, median=1e-7, statistics=1e-6)


# Focals Conv -----------------------------------------------------------------


@pytest.mark.slow
def test_focalsconv_kitti(golden_dir, monkeypatch):
    """The encoder; hard decisions (which half of the voxels is important) differ with time."""
    golden = Golden(golden_dir)
    training = Training(
        dataclasses.replace(RECIPES['focalsconv_kitti'], meta=False), golden_dir, short=False,
        options={'model.published': dict(skip_index_zero=True, corners=True)})
    encoder = training.model.middle_encoder
    encoder.load_state_dict(convert_published(
        golden.weights.state_dict(golden.folder / 'state.json'), encoder))
    training.model.double()
    features, coordinates = golden.voxels('kitti_train')
    boxes = golden.boxes('kitti_train')

    real = dilation.rank_in_sample  # reads the bits of float32
    monkeypatch.setattr(dilation, 'rank_in_sample', lambda scores, *arguments: real(
        scores.to(torch.float32), *arguments))

    def losses():
        _, encoded = encoder.encode(features.double(), coordinates, 2)
        found = encoder.auxiliary_losses(encoded, boxes)
        surrogate = encoded.output.features.square().mean()
        terms = {f'loss{stage}': found[f'loss_importance_stage{stage}'].item()
                 for stage in (1, 2, 3)}
        return sum(found.values()) + surrogate, {
            **terms, 'surrogate': surrogate.item(),
            'conv_out_sites': len(encoded.output.features)}

    steps = Steps(training, 'steps.npz')
    bars = [dict(total=1e-8, norm=1e-6, updates=1e-5), dict(total=1e-5, norm=1e-4, updates=2e-3),
            *3 * [dict(total=5e-3, norm=5e-2)]]
    for step in steps.run(losses):
        steps.compare(step, **bars[step])


# SparseBEV -------------------------------------------------------------------


@pytest.mark.slow
def test_sparsebev(golden_dir):
    """Boxes are fed back six times and matched by Hungarian costs: two steps can be compared."""
    training = Training(dataclasses.replace(RECIPES['sparsebev'], meta=False), golden_dir,
                        short=False, options={
                            'model.published': SAMPLING_AS_PUBLISHED,
                            'model.image_mask': None, 'model.bbox_head.decoder.dropout': 0.0,
                            'model.backbone.with_cp': False,
                            'model.bbox_head.decoder.with_checkpoint': False})
    load(training, released_state(golden_dir, training))
    steps = Steps(training, 'steps.npz')
    losses = sparsebev_losses(training.model, golden_dir, steps.stored)
    # Observed: updates 2e-7, then total 2e-8, terms 2e-7, norm 3e-6, updates 2e-5; totals of the
    # next steps 3e-5, 3e-4, 8e-3. What grows is that draws of noisy queries are stored in float32.
    bars = [dict(total=1e-8, norm=1e-7, updates=1e-5, median=1e-8),
            dict(total=1e-5, terms=1e-4, norm=1e-3, updates=5e-3)]
    for step in steps.run(losses, len(bars)):
        steps.compare(step, **bars[step])


def sparsebev_losses(model: nn.Module, golden_dir: Path, stored):
    given = np.load(golden_dir / 'sparsebev' / 'inputs.npz')
    mean, std = (torch.tensor(values, dtype=torch.float64).view(3, 1, 1) for values in (
        (123.675, 116.28, 103.53), (58.395, 57.12, 57.375)))
    images = (torch.from_numpy(given['img']).double().flip(1) - mean) / std
    boxes = ground_truth_boxes(LiDARInstance3DBoxes(given['gt_boxes'], box_dim=9)).double()
    labels = torch.from_numpy(given['gt_labels'])
    seconds = given['img_timestamp'].reshape(8, 6)
    # Differences first: a mean of such large numbers is off by 2e-7 s, gradients by 1e-5 of theirs.
    ages = torch.from_numpy((seconds[:1] - seconds).mean(1))
    views = Views(Cameras.of_matrices(torch.from_numpy(given['lidar2img']).double().reshape(
        1, 48, 4, 4), (64, 192)), ages[None])
    replace = torch.from_numpy(stored['dn_rand_label_p']) < 0.5
    label = torch.zeros(len(replace), dtype=torch.long)
    label[replace] = torch.from_numpy(stored['dn_new_labels']).long()
    offset = torch.from_numpy(stored['dn_rand_box'])[:, :3].double() * 2 - 1
    noise = Noise(offset.view(10, 12, 3), replace.view(10, 12), label.view(10, 12))

    def losses():
        noisy = noisy_queries([boxes], [labels], noise, model.bbox_head.point_cloud_range)
        maps = model.extract_feat(dict(imgs=images[None]))
        terms = model.bbox_head.losses_of(model.bbox_head(maps, views, noisy), [boxes], [labels],
                                          noisy)
        return sum(terms.values()), {name: value.item() for name, value in terms.items()}
    return losses


# SparseFusion ----------------------------------------------------------------


@pytest.mark.slow
def test_sparsefusion(golden_dir):
    """The head, with assignments of its own: objects tie.

    Which one wins a tie is up to the last bit, hence to the processor. Nudged by 1e-12, single
    terms of the first step change by up to 1.2e-2 and the total of the third by 4e-3; so the
    weights are nudged until the ties of the first step fall as they did for the release. Those
    of later steps may still fall otherwise: hence 1e-2 from the third on.
    """
    golden = sparsefusion_golden.Golden(golden_dir)
    training = Training(RECIPES['sparsefusion'], golden_dir, short=False, options={
        'model.published': sparsefusion_golden.QUIRKS, **sparsefusion_golden.SMALL,
        'model.bbox_head.layer.dropout': 0.0})
    load(training, golden.converted)
    batch, head = Batch(golden, sparsefusion_golden), training.model.bbox_head
    scene = in_float64(batch.scene)
    torch.set_default_dtype(torch.float64)  # until the test ends: places of cells

    def losses():
        terms = head.losses(head(scene), batch.instances, scene.rig, batch.views, batch.seen)
        total = sum(value for name, value in terms.items() if 'loss' in name)
        return total, {released: terms[ours].item() for ours, released in LOSSES.items()}

    training.model.train()
    nudge_until_equal(training, lambda: losses()[1], 5e-3)
    steps = Steps(training, 'steps.npz')
    for step in steps.run(losses):
        bars = [dict(total=1e-4, norm=1e-4, terms=5e-3), dict(total=2e-3, terms=5e-2),
                *3 * [dict(total=1e-2, terms=1.0)]]
        steps.compare(step, **bars[step])


def nudge_until_equal(training: Training, terms: Callable[[], dict[str, float]],
                      tolerance: float) -> None:
    """Move all weights by 1e-12 until the terms are those of the first stored step."""
    stored = np.load(training.golden / 'steps.npz')
    known = dict(zip(stored['term_names'].tolist(), stored['terms'][0], strict=True))
    start = {name: value.detach().clone() for name, value in training.model.named_parameters()}
    for seed in range(12):
        drawn = torch.Generator().manual_seed(seed)
        for name, value in training.model.named_parameters():
            value.data.copy_(start[name])
            if seed:
                value.data *= 1 + 1e-12 * torch.randn(value.shape, generator=drawn)
        if all(value == pytest.approx(known[name], rel=tolerance)
               for name, value in terms().items()):
            return
    pytest.fail('the ties never fell as they did for the release')


def in_float64(value):
    """A tuple of tensors, tuples and other things, its numbers in float64."""
    if isinstance(value, Tensor):
        return value.detach().double() if value.is_floating_point() else value
    if dataclasses.is_dataclass(value):
        return dataclasses.replace(value, **{
            part.name: in_float64(getattr(value, part.name))
            for part in dataclasses.fields(value)})
    if isinstance(value, tuple) and hasattr(value, '_fields'):
        return type(value)(*map(in_float64, value))
    return [in_float64(item) for item in value] if isinstance(value, list) else value

"""Every stage, decoding, losses, gradients and a training step of the released code."""
from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from mmdet3d.registry import MODELS
from mmengine.config import Config
from mmengine.registry import init_default_scope
from torch import Tensor

from sparse3d.models.center.bev_grid import BEVGrid
from voxelkp.keypoint_decoding import DecodingOptions, decode
from voxelkp.keypoint_losses import keypoint_losses
from voxelkp.keypoint_targets import assign_targets
from voxelkp.published_architecture import POINT_CLOUD_RANGE, VOXEL_SIZE
from voxelkp.published_checkpoint import BRANCHES, published_to_ours
from voxelkp.windows import window_indices

MODELS_FOLDER = Path(__file__).resolve().parents[2] / 'configs/voxelkp/_base_/models'
EVERY = 12  # rows of a stage that are stored
GRID = BEVGrid.from_voxels(VOXEL_SIZE, POINT_CLOUD_RANGE, 8)
DECODING = DecodingOptions(center_range=POINT_CLOUD_RANGE, max_candidates=150)

pytestmark = pytest.mark.usefixtures('one_thread')


def in_order(coordinates: Tensor) -> np.ndarray:
    return np.lexsort(coordinates.numpy().T[::-1])


def watch(model) -> dict:
    """Outputs of the parts by the names under which they are stored; filled by the next call."""
    seen, hooks = {}, []

    def keep(name, module, index=None):
        def hook(_, given, result):
            seen[name] = result
        hooks.append(module.register_forward_hook(hook))

    encoder, neck = model.middle_encoder, model.neck
    keep('conv_input', encoder.conv_input)
    for number, stage in enumerate(encoder.stages, start=1):
        keep(f'conv{number}', stage)
        if stage.down is not None:
            keep(f'conv{number}_down', stage.down)
        if stage.point_branch is not None:
            keep(f'conv{number}_point', stage.point_branch)
            keep(f'conv{number}_sk0_out', stage.blocks[0].selective_kernel)
        for place, block in enumerate(stage.blocks):
            keep(f'conv{number}_blk{place}', block)
    keep('conv_out', neck.conv_out)
    keep('shared_conv', neck.shared_conv)
    seen['hooks'] = hooks
    return seen


@pytest.fixture(scope='module')
def stages(golden, published_parts) -> dict:
    """What every part gives for the stored frames."""
    published_model = published_parts.eval()
    seen = watch(published_model)
    with torch.no_grad():
        features, coordinates = golden.voxels()
        levels = published_model.middle_encoder(features, coordinates, 2)
        seen['head'] = published_model.bbox_head(published_model.neck(levels))
        collapsed = [layer(level) for layer, level in
                     zip(published_model.neck.collapses, levels, strict=True)]
        seen['bev_fused'] = published_model.neck.fuse(collapsed)
    seen.update((f'conv{level}_bev', flat) for level, flat in enumerate(collapsed, start=4))
    for hook in seen.pop('hooks'):
        hook.remove()
    return seen


def test_every_stage(golden, stages):
    stored = [name.removesuffix('/feats') for name in golden.outputs
              if name.endswith('/feats') and not name.startswith('single')]
    assert len(stored) == 30
    for name in stored:
        voxels = stages[name]
        order = in_order(voxels.indices)
        coordinates = golden.outputs.get(f'{name}/coords')
        if coordinates is not None:
            ours = voxels.indices.numpy()[order]
            if ours.shape[1] < coordinates.shape[1]:   # ours lie flat already
                coordinates = coordinates[:, [0, 2, 3]]
            np.testing.assert_array_equal(ours, coordinates, name)
        np.testing.assert_allclose(voxels.features.numpy()[order][::EVERY],
                                   golden.outputs[f'{name}/feats'], rtol=1e-4, atol=5e-5,
                                   err_msg=name)


def test_head_outputs(golden, stages):
    outputs = stages['head']
    order = in_order(outputs.coordinates)
    np.testing.assert_array_equal(outputs.coordinates.numpy()[order],
                                  golden.outputs['head/coords'])
    for theirs, ours in BRANCHES.items():
        stored = golden.outputs[f'head/{theirs}']
        np.testing.assert_allclose(getattr(outputs, ours).numpy()[order].reshape(stored.shape),
                                   stored, rtol=0, atol=5e-5, err_msg=theirs)


def test_selective_gates(golden, stages, published_model):
    for number in (3, 4, 5, 6):
        block = published_model.middle_encoder.stages[number - 1].blocks[0]
        with torch.no_grad():
            given = block.first(stages[f'conv{number}_down'])
            seen = sum(branch(given).features for branch in block.selective_kernel.branches)
            gates = block.selective_kernel.gates(seen, given.indices[:, 0].long(), 2)
        np.testing.assert_allclose(gates.numpy(), golden.outputs[f'conv{number}_sk0_gates'],
                                   rtol=0, atol=1e-5)


def test_windows_of_the_release(golden):
    for number in (5, 6):
        coordinates = torch.from_numpy(golden.outputs[f'conv{number}/coords']).int()
        windows = window_indices(coordinates, (6, 6, 6), 2, published_batch_anchor=True)
        np.testing.assert_array_equal(windows.numpy(), golden.outputs[f'conv{number}/window'])
        ours = window_indices(coordinates, (6, 6, 6), 2)
        assert not np.array_equal(ours.numpy(), golden.outputs[f'conv{number}/window'])


@pytest.mark.parametrize('together', [False, True])
def test_our_windows_give_the_published_results_of_single_frames(
        golden, published_model, together):
    """In a batch as alone."""
    published_model.anchor_by_batch(False)
    features, coordinates = golden.voxels()
    for frame in range(2):
        own = coordinates[:, 0] == frame
        given = (features, coordinates, 2) if together else (
            features[own], coordinates[own] * torch.tensor([0, 1, 1, 1]).int(), 1)
        with torch.no_grad():
            outputs = published_model(*given)
        outputs = outputs.select(outputs.frame == (frame if together else 0))
        order = in_order(outputs.coordinates)
        expected = {key.rpartition('/')[2]: value for key, value in golden.outputs.items()
                    if key.startswith(f'single/{frame}/')}
        np.testing.assert_array_equal(outputs.coordinates.numpy()[order][:, 1:],
                                      expected['coords'][:, 1:])
        for theirs in ('hm', 'loc_x', 'iou'):
            ours = getattr(outputs, BRANCHES[theirs]).numpy()[order]
            np.testing.assert_allclose(ours.reshape(expected[theirs].shape), expected[theirs],
                                       rtol=0, atol=5e-5)


@pytest.mark.parametrize('case', ['decoded', 'decode_out'])
def test_decoding(golden, case):
    values, prefix = ((golden.outputs, 'head') if case == 'decoded'
                      else (golden.decode, 'decode_in'))
    frames = decode(golden.head_outputs(values, prefix), GRID, DECODING)
    for number, found in enumerate(frames):
        expected = {key.rpartition('/')[2]: value for key, value in values.items()
                    if key.startswith(f'{case}/{number}/')}
        boxes = found.boxes.numpy()
        assert boxes.shape == expected['pred_boxes'].shape
        match = np.abs(expected['pred_boxes'][:, None] - boxes).max(-1).argmin(1)
        assert sorted(match) == list(range(len(boxes)))
        for ours, theirs, tolerance in (
                (boxes, 'pred_boxes', 2e-4), (found.joints.numpy(), 'pred_kps', 2e-4),
                (found.visibility.numpy(), 'pred_kps_vis', 1e-5),
                (found.scores.numpy(), 'pred_scores', 1e-5)):
            np.testing.assert_allclose(ours[match], expected[theirs], rtol=0, atol=tolerance)
        if case == 'decode_out':
            np.testing.assert_array_equal(match, np.arange(len(boxes)))


def test_targets(golden):
    coordinates = torch.from_numpy(golden.outputs['head/coords']).int()
    targets = assign_targets(coordinates, golden.people(), GRID)
    real = golden.losses['target/masks'] > 0
    first_row = np.array([0, (golden.outputs['head/coords'][:, 0] == 0).sum()])[:, None]
    np.testing.assert_array_equal(targets.rows, (golden.losses['target/inds'] + first_row)[real])
    np.testing.assert_allclose(targets.heatmap, golden.losses['target/heatmaps'][:, 0], atol=1e-6)
    boxes = torch.cat([targets.positions[:, 0], targets.size, targets.heading], 1)
    np.testing.assert_allclose(boxes, golden.losses['target/target_boxes'][real], atol=1e-5)
    np.testing.assert_allclose(targets.positions[:, 1:], golden.losses['target/target_kps'][real],
                               atol=1e-5)
    np.testing.assert_array_equal(targets.visibility,
                                  golden.losses['target/target_kps_vis'][real])


def assert_published_losses(losses: dict[str, Tensor], stored: dict, prefix: str,
                            tolerance: float) -> None:
    expected = {name: float(stored[f'{prefix}{name}_loss']) for name in (
        'hm', 'loc', 'loc_kp_all', 'kp_vis', 'kp_bone', 'iou', 'iou_reg', 'rpn')}
    ours = {key.removeprefix('loss_'): value.item() for key, value in losses.items()}
    assert ours['heatmap'] == pytest.approx(expected['hm'], rel=tolerance)
    assert ours['box'] == pytest.approx(expected['loc'] / 2, rel=tolerance)
    assert ours['joints'] == pytest.approx(expected['loc_kp_all'] / 2, rel=tolerance)
    assert ours['visibility'] == pytest.approx(expected['kp_vis'], rel=tolerance)
    assert ours['bones'] == pytest.approx(expected['kp_bone'], rel=20 * tolerance)
    assert ours['iou'] == pytest.approx(expected['iou'], rel=tolerance)
    assert ours['iou_box'] == pytest.approx(expected['iou_reg'], rel=tolerance)
    assert sum(ours.values()) == pytest.approx(expected['rpn'], rel=tolerance)


def test_published_losses_and_their_gradients(golden):
    outputs = golden.head_outputs(golden.outputs, 'head', requires_grad=True)
    targets = assign_targets(outputs.coordinates, golden.people(), GRID)
    losses = keypoint_losses(outputs, targets, GRID, published=True)
    assert_published_losses(losses, golden.losses, 'loss/', 1e-4)
    sum(losses.values()).backward()
    for theirs, ours in BRANCHES.items():
        stored = golden.losses[f'grad/{theirs}']
        np.testing.assert_allclose(getattr(outputs, ours).grad.numpy().reshape(stored.shape),
                                   stored, rtol=0, atol=1e-5, err_msg=theirs)


@pytest.mark.slow
def test_a_training_step(golden, published_model):
    """Losses, raw outputs, gradients of all weights and running statistics in training mode.

    In float64 like the stored numbers: normalizing two frames is too ill-conditioned to compare
    gradients in float32.
    """
    model = published_model.train()
    before = {name: buffer.clone() for name, buffer in model.named_buffers()}
    model.double()
    norms, hooks = note_gradient_norms(model)
    features, coordinates = golden.voxels()
    outputs = model(features.double(), coordinates, 2)
    targets = assign_targets(outputs.coordinates, golden.people(), GRID)
    losses = keypoint_losses(outputs, targets, GRID, published=True)
    sum(losses.values()).backward()
    assert_running_statistics(model, golden)
    for hook in hooks:
        hook.remove()
    model.float().load_state_dict(before, strict=False)
    assert_published_losses(losses, golden.losses, 'train/loss/', 1e-5)
    order = in_order(outputs.coordinates)
    for theirs in ('hm', 'loc_x'):
        stored = golden.losses[f'train/head_{theirs}']
        ours = getattr(outputs, BRANCHES[theirs]).detach().numpy()[order]
        np.testing.assert_allclose(ours.reshape(stored.shape), stored, rtol=0, atol=5e-5)
    assert_gradient_norms(norms, golden)


def note_gradient_norms(model) -> tuple[dict[str, float], list]:
    """Norm of each gradient, filled by backward; the gradients themselves are dropped."""
    norms = {}

    def keep(name):
        def hook(parameter):
            norms[name] = parameter.grad.norm().item()
            parameter.grad = None
        return hook

    return norms, [parameter.register_post_accumulate_grad_hook(keep(name))
                   for name, parameter in model.named_parameters()]


def assert_gradient_norms(norms: dict[str, float], golden) -> None:
    stored = {published_to_ours(name): norm for name, norm in golden.gradient_norms().items()}
    # Keys' biases shift all scores of a query alike; a bias in front of a norm does nothing.
    assert len(set(norms) - set(stored)) == 5 and set(stored) <= set(norms)
    for name, norm in stored.items():
        assert norms[name] == pytest.approx(norm, rel=1e-4), name
    total = sum(norm ** 2 for norm in norms.values()) ** 0.5
    assert total == pytest.approx(float(golden.losses['train/total_grad_norm']), rel=1e-5)


def assert_running_statistics(model, golden) -> None:
    buffers = dict(model.named_buffers())
    stored = [name for name in golden.losses if name.startswith('train/after/')]
    assert len(stored) == 5
    for name in stored:
        theirs = name.removeprefix('train/after/')
        expected = golden.losses[name]
        if theirs.startswith('dense_head'):  # ours has no bias in front of the norm
            bias = theirs.replace('.1.running_mean', '.0.bias')
            expected = expected - golden.published_tensor(bias, expected.shape)
        np.testing.assert_allclose(buffers[published_to_ours(theirs)].numpy(), expected, rtol=0,
                                   atol=1e-5, err_msg=theirs)


def test_voxels_from_points(golden):
    """The config's preprocessor and voxel encoder give the network's input of the release."""
    config = Config.fromfile(MODELS_FOLDER / 'voxelkp.py').model
    init_default_scope('mmdet3d')
    preprocessor = MODELS.build(config.data_preprocessor)
    encoder = MODELS.build(config.voxel_encoder)
    points = [torch.from_numpy(golden.inputs[f'points_{frame}']) for frame in range(2)]
    voxels = preprocessor(dict(inputs=dict(points=points), data_samples=None))['inputs']['voxels']
    features = encoder(voxels['voxels'], voxels['num_points'], voxels['coors'])
    np.testing.assert_array_equal(voxels['coors'], golden.inputs['voxel_coords'])
    np.testing.assert_array_equal(voxels['num_points'], golden.inputs['voxel_num_points'])
    np.testing.assert_allclose(features, golden.inputs['voxel_features'], rtol=0, atol=1e-6)

"""SparseFusion at the published sizes: its stages, its views at once against one by one."""
from __future__ import annotations

from functools import partial

import torch
from mmdet3d.registry import MODELS
from mmengine.config import Config
from mmengine.registry import init_default_scope
from torch import Tensor, nn

from sparse3d.engine.timing import Timing, measure
from sparse3d.models.query.attention import scaled_attention
from sparse3d.models.query.positions import logit
from sparse3d.ops.sparse_depth import sparse_depth
from sparse3d.plugins import config_home
from sparse3d_benchmarks.sparsefusion_frame import IMAGE_SIZE, POINTS, DrawnFrame
from sparse3d_benchmarks.sparsefusion_view_loop import decode_view_by_view
from sparsefusion.image_pyramid import ImagePyramid
from sparsefusion.sparsefusion_head import SceneInput, SparseFusionHead
from sparsefusion.view_groups import ViewGroups

MODEL = 'sparsefusion/_base_/models/sparsefusion_r50.py'
BATCH = 4  # samples on a GPU in the published training
GIGABYTE = 1e9


def run(threads: int = 2, repeats: int = 10) -> list[dict]:
    """Rows for every stage, for the views, and for the memory of a training step.

    On the CPU with estimated memory, then, if there is one, on a GPU with measured memory.
    """
    torch.manual_seed(0)
    init_default_scope('mmdet3d')
    model = MODELS.build(Config.fromfile(config_home() / MODEL).model).eval()
    few = min(repeats, 2)  # a stage takes seconds on a CPU
    where = f'{threads} threads'
    rows = _rows(model, 'cpu', where, few) + [_attention_row(where, repeats), _memory_row(model)]
    if torch.cuda.is_available():
        where = torch.cuda.get_device_name()
        on_gpu = [*_rows(model.eval().cuda(), 'cuda', where, repeats), _gpu_memory_row(model)]
        rows += [row | dict(name=f'{row["name"]}, GPU') for row in on_gpu]
    return rows


def _rows(model: nn.Module, device: str, where: str, repeats: int) -> list[dict]:
    frame = DrawnFrame.draw(device)
    return [*_stage_rows(model, frame, where, repeats),
            *_view_rows(model.bbox_head, frame, where, repeats)]


@torch.no_grad()
def scene_of(model: nn.Module, frame: DrawnFrame) -> SceneInput:
    voxels = model.data_preprocessor.voxelize([frame.points], [])
    bev, heights, occupied, _ = model._map(voxels, 1, frame.points.device)
    images = list(model.image_neck(model.image_backbone(frame.images)))
    return SceneInput(bev, heights, occupied, images, sparse_depth([frame.points], frame.rig),
                      frame.rig)


def _stage_rows(model: nn.Module, frame: DrawnFrame, where: str, repeats: int) -> list[dict]:
    """Each stage and their sum, in float32 and under autocast to bfloat16."""
    scene = scene_of(model, frame)
    voxels = model.data_preprocessor.voxelize([frame.points], [])
    note = (f'{POINTS:,} drawn points, {len(voxels["coors"]):,} voxels, 6 images of '
            f'{IMAGE_SIZE[1]} x {IMAGE_SIZE[0]}, {where}')
    stages = {
        'voxelization': lambda: model.data_preprocessor.voxelize([frame.points], []),
        'LiDAR backbone': lambda: model._map(voxels, 1, frame.points.device),
        'image backbone and pyramid': lambda: model.image_neck(
            model.image_backbone(frame.images)),
        'head': lambda: model.bbox_head(scene)}
    full, half = {}, {}
    with torch.no_grad():
        for name, stage in stages.items():
            full[name] = measure(stage, repeats, warmup=1)
            with torch.autocast(frame.points.device.type, torch.bfloat16):
                half[name] = measure(stage, repeats, warmup=1)
    rows = [_row(name, timing, note=note) for name, timing in full.items()]
    rows += [_row(f'{name}, bfloat16', half[name], full[name], f'against float32; {note}')
             | dict(original=False)
             for name in stages if name != 'voxelization']
    for name, timings in (('float32', full), ('bfloat16', half)):
        seconds = sum(timing.median for timing in timings.values())
        rows.append(dict(name=f'whole frame, voxelization included, {name}', value=1 / seconds,
                         unit='frames/s', note=f'sum of the stages above; {note}'))
    return rows


def _row(name: str, timing: Timing, baseline: Timing | None = None, note: str = '') -> dict:
    row = dict(name=name, value=timing.milliseconds, unit='ms', note=note)
    if baseline is not None:
        row.update(baseline=baseline.milliseconds, ratio=baseline.median / timing.median)
    return row


@torch.no_grad()
def _view_rows(head: SparseFusionHead, frame: DrawnFrame, where: str,
               repeats: int) -> list[dict]:
    """The deformable layer of semantic transfer: all views at once, and one by one."""
    scene = _scene_of_cells(head, frame)
    layer = head.semantic_transfer.decoder
    cells, positions, references, member, images = scene

    def at_once() -> Tensor:
        groups = ViewGroups.of(member)
        found = layer(groups.take_shared(cells), groups.take(positions),
                      groups.take(references), groups.padding, images)
        return groups.put_back(found, 1, cells.shape[1])

    one_by_one = partial(decode_view_by_view, layer, *scene)
    first, second = at_once(), one_by_one()
    seen = second.isfinite()
    agreement = float((first[seen] - second[seen]).abs().max())
    counts = member.sum(1)
    note = (f'{int(counts.sum()):,} cells in 6 views, {int(counts.max()):,} in the fullest, '
            f'{where}; both agree within {agreement:.1e}')
    return [_row('semantic transfer, views at once', measure(at_once, repeats, warmup=1),
                 measure(one_by_one, repeats, warmup=1), f'against a loop over views; {note}')]


@torch.no_grad()
def _attention_row(where: str, repeats: int) -> dict:
    """Attention with masked keys, in evaluation: ours and PyTorch's module, the same weights."""
    layer = nn.MultiheadAttention(128, 8, batch_first=True).eval()
    cells, padding = torch.randn(4, 1200, 128), torch.zeros(4, 1200, dtype=torch.bool)
    padding[:, -100:] = True

    def module() -> Tensor:
        return layer(cells, cells, cells, key_padding_mask=padding, need_weights=False)[0]

    def ours() -> Tensor:
        return scaled_attention(layer, cells, cells, padding)

    agreement = float((ours() - module()).abs().max())
    return _row('attention of 4 x 1,200 queries, masked keys', measure(ours, repeats),
                measure(module, repeats), 'against nn.MultiheadAttention in evaluation; '
                f'{where}; both agree within {agreement:.1e}')


def _scene_of_cells(head: SparseFusionHead, frame: DrawnFrame) -> tuple:
    """What semantic transfer works on if two fifths of the map's cells hold points."""
    rig, device = frame.rig, frame.points.device
    random = torch.Generator().manual_seed(0)
    xy = torch.cartesian_prod(torch.arange(180.0), torch.arange(180.0)).to(device) + 0.5
    points = torch.cat([head.coder.to_meters(xy), torch.full_like(xy[:, :1], -1.2)], dim=1)[None]
    occupied = (torch.rand(len(xy), generator=random) < 0.4).to(device)
    pixels, depth = rig.project(points)
    size = pixels.new_tensor([IMAGE_SIZE[1], IMAGE_SIZE[0]])
    member = ((pixels >= 0) & (pixels < size)).all(-1) & (depth > 0) & occupied
    references = (pixels / size).clamp(0, 1)[0]
    positions = torch.cat([logit(references), depth[0, ..., None].clamp(min=0.1).log()], dim=-1)
    width = head.semantic_transfer.decoder.norm.normalized_shape[0]
    levels = [torch.randn(6, width, *(side // stride for side in IMAGE_SIZE),
                          generator=random).to(device) for stride in (4, 8, 16, 32)]
    cells = torch.randn(1, len(xy), width, generator=random).to(device)
    return cells, positions, references, member[0], ImagePyramid.of(levels, rig, 4)


def _memory_row(model: nn.Module) -> dict:
    """What a training step keeps for its way back, counted on one sample."""
    frame = DrawnFrame.draw()
    _train_without_dropout(model)
    kept: dict[int, int] = {}

    def keep(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        kept[storage.data_ptr()] = storage.nbytes()
        return tensor

    scene = scene_of(model, frame)
    objects = [sample.gt_instances_3d for sample in frame.batch(1)[1]]
    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        scene.images = list(model.image_neck(model.image_backbone(frame.images)))
        model.bbox_head.loss(scene, objects)
    trained = sum(value.numel() for value in model.parameters() if value.requires_grad)
    weights = {value.untyped_storage().data_ptr() for value in model.parameters()}
    activations = sum(size for pointer, size in kept.items() if pointer not in weights)
    fixed = 4 * (sum(value.numel() for value in model.parameters()) + 3 * trained)
    return _against_the_published_code(
        f'memory of a training step, {BATCH} samples, estimated', fixed + BATCH * activations,
        f'float32, LiDAR frozen, no dropout: {BATCH} x {activations / GIGABYTE:.2f} GB of kept '
        f'tensors and {fixed / GIGABYTE:.2f} GB of weights, gradients and AdamW; without the '
        'workspace of kernels')


def _gpu_memory_row(model: nn.Module) -> dict:
    """The most that two training steps of the published batch hold at a time, measured."""
    model.train()
    optimizer = torch.optim.AdamW(
        [value for value in model.parameters() if value.requires_grad], lr=1e-6)
    inputs, samples = DrawnFrame.draw('cuda').batch(BATCH)
    torch.cuda.reset_peak_memory_stats()
    for _ in range(2):  # AdamW makes its moments in the first
        inputs['voxels'] = model.data_preprocessor.voxelize(inputs['points'], samples)
        losses, _ = model.parse_losses(model(inputs, samples, mode='loss'))
        optimizer.zero_grad()
        losses.backward()
        optimizer.step()
    return _against_the_published_code(
        f'memory of a training step, {BATCH} samples', torch.cuda.max_memory_allocated(),
        f'float32, LiDAR frozen, measured on {torch.cuda.get_device_name()}')


def _train_without_dropout(model: nn.Module) -> None:
    """Dropout keeps masks that fused attention on a GPU does not."""
    model.train()
    for module in model.modules():
        if isinstance(module, nn.Dropout):
            module.p = 0.0
        if isinstance(module, nn.MultiheadAttention):
            module.dropout = 0.0


def _against_the_published_code(name: str, nbytes: float, note: str) -> dict:
    return dict(name=name, value=nbytes / GIGABYTE, unit='GB', baseline=29.0,
                ratio=29.0 * GIGABYTE / nbytes, note=f'{note}; the release is said to need 29 GB')

"""What a model is and says under fixed weights: parameters, optimizer groups, outputs, losses."""
from __future__ import annotations

import contextlib
import hashlib
import logging
import math
import random
import resource
import signal
import time
import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
import torch._dynamo  # every optimizer does; here once, before processes fork
from mmdet3d.registry import MODELS
from mmengine.config import ConfigDict
from mmengine.logging import MMLogger
from mmengine.optim import build_optim_wrapper
from mmengine.registry import init_default_scope
from torch import Tensor, nn

from freeze_batch import make_batch

MOST_FOUND = 32  # detections that become objects
GAIN = 1.25  # of squares: residual sums grow slowly, plain chains fade slowly
# Parts of first names: a factor, and what is added. Drawn at random, these would leave out much.
ADJUSTED = {
    'rpn_head.conv_reg.': (0.02, 0.0),  # proposals stay near their anchors, and some meet objects
    'rpn_head.conv_cls.weight': (3.0, 0.0),  # and lie where points are
    'roi_head.change_out.': (0.05, 0.0),  # detections stay near proposals
    'branches.heatmap.output.bias': (1.0, 1.0),  # beyond the threshold of a score
}
WRAPPER_KEYS = ('optimizer', 'paramwise_cfg', 'constructor')


class TooExpensive(Exception):
    """A pass that needs more time than allowed."""


def build(model: dict) -> nn.Module:
    """A model of its config, not initialized: weights come from :func:`set_weights`."""
    init_default_scope('mmdet3d')
    return MODELS.build(ConfigDict(model))


def parameters_of(model: nn.Module) -> dict[str, dict]:
    """Name -> shape and whether it learns."""
    return {name: dict(shape=list(value.shape), learns=value.requires_grad)
            for name, value in model.named_parameters()}


def buffers_of(model: nn.Module) -> dict[str, dict]:
    """Name -> shape, type and whether a checkpoint keeps it."""
    saved = model.state_dict().keys()
    return {name: dict(shape=list(value.shape), type=str(value.dtype), saved=name in saved)
            for name, value in model.named_buffers()}


def optimizer_of(model: nn.Module, wrapper: dict) -> dict[str, Any]:
    """The optimizer as built: ``settings``, distinct ``groups``, and the group of ``parameters``.

    Mixed precision, which asks for a GPU, is only noted.
    """
    wrapper = wrapper.to_dict() if hasattr(wrapper, 'to_dict') else dict(wrapper)
    built = build_optim_wrapper(model, ConfigDict(
        type='OptimWrapper', **{key: wrapper[key] for key in WRAPPER_KEYS if key in wrapper}))
    names = {id(value): name for name, value in model.named_parameters()}
    groups: list[dict] = []
    member: dict[str, int] = {}
    for group in built.optimizer.param_groups:
        settings = {key: _plain(value) for key, value in group.items()
                    if key not in ('params', 'param_names')}
        if settings not in groups:
            groups.append(settings)
        member.update({names[id(value)]: groups.index(settings) for value in group['params']})
    settings = {key: _plain(value) for key, value in wrapper.items() if key not in WRAPPER_KEYS}
    return dict(settings=dict(settings, optimizer=type(built.optimizer).__name__),
                groups=groups, parameters=member)


@torch.no_grad()
def set_weights(model: nn.Module, originals: dict[str, str]) -> None:
    """Fill every parameter and every batch statistic from its first name and its shape.

    Args:
        model: changed.
        originals: what a parameter or buffer was called at first, where that is another name.
    """
    for name, value in model.named_parameters():
        value.copy_(_drawn(originals.get(name, name), value.shape))
    for name, value in model.named_buffers():
        last = name.rpartition('.')[2]
        if last in ('running_mean', 'running_var'):
            drawn = 0.1 * _normal(originals.get(name, name), value.shape)
            value.copy_(drawn if last == 'running_mean' else 1 + drawn.abs())


def _drawn(name: str, shape: torch.Size) -> Tensor:
    values = _normal(name, shape)
    if len(shape) >= 2:
        values = values * math.sqrt(GAIN / max(1, math.prod(shape[1:])))
    else:
        values = 0.1 * values + (1.0 if name.endswith('weight') else 0.0)
    for part, (factor, added) in ADJUSTED.items():
        if part in name:
            values = factor * values + added
    return values


def _normal(name: str, shape: torch.Size) -> Tensor:
    digest = hashlib.sha256(f'{name} {list(shape)}'.encode()).digest()
    seed = int.from_bytes(digest[:8], 'big') >> 1
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def run_passes(model: nn.Module, wanted: dict, seconds: float, keypoints_class: type | None,
               ) -> dict[str, Any]:
    """Predictions and losses of the tiny batch, or the reason why there are none.

    A second stage of a detector learns only from objects that the first has found. So a detector
    of two stages also predicts in training mode, and a first record takes the best of these
    detections for further objects: ``found``, which belongs into the description of the batch.

    Args:
        model: with its weights set.
        wanted: description of the batch.
        seconds: of the processor that a pass may take.
        keypoints_class: see :func:`freeze_batch.make_batch`.
    """
    found: dict[str, Any] = {}
    passes = {'predictions': _predictions, 'training_predictions': _training_predictions,
              'losses': _losses}
    if not wanted['two_stages']:
        passes.pop('training_predictions')
    try:
        for name, run in passes.items():
            started = time.process_time()
            with _at_most(seconds), torch.no_grad():
                seed_all()
                found[name] = run(model, make_batch(wanted, keypoints_class))
            found[f'{name}_seconds'] = round(time.process_time() - started, 2)
            if name == 'training_predictions' and 'found' not in wanted:
                wanted = wanted | dict(found=_best(found[name]))
                found['found'] = wanted['found']
    except TooExpensive:
        found['skipped'] = f'{name} take more than {seconds:g} s of the processor'
    except MemoryError:
        found['skipped'] = f'{name} take more memory than allowed'
    except RuntimeError as error:
        if 'alloc' not in str(error):
            raise
        found['skipped'] = f'{name} take more memory than allowed'
    return found


def _predictions(model: nn.Module, batch: dict) -> dict[str, Any]:
    return _predict(model.eval(), batch)


def _training_predictions(model: nn.Module, batch: dict) -> dict[str, Any]:
    return _predict(model.train(), batch)


def _predict(model: nn.Module, batch: dict) -> dict[str, Any]:
    data = _prepared(model, batch, training=False)
    sample = model(data['inputs'], data['data_samples'], mode='predict')[0]
    return {name: _numbers(value) for name, value in sorted(sample.pred_instances_3d.items())}


def _best(predictions: dict[str, Any]) -> dict[str, list]:
    """Boxes, to the centimeter, and labels of the best detections."""
    boxes, scores, labels = (np.array(predictions[name]['values']).reshape(
        predictions[name]['shape']) for name in ('bboxes_3d', 'scores_3d', 'labels_3d'))
    best = np.argsort(-scores, kind='stable')[:MOST_FOUND]
    return dict(boxes=boxes[best].round(2).tolist(), labels=labels[best].astype(int).tolist())


def _losses(model: nn.Module, batch: dict) -> dict[str, Any]:
    model.train()
    data = _prepared(model, batch, training=True)
    losses = model(data['inputs'], data['data_samples'], mode='loss')
    return {name: _numbers(sum(value) if isinstance(value, list | tuple) else value)
            for name, value in sorted(losses.items())}


def _prepared(model: nn.Module, batch: dict, training: bool) -> dict:
    return model.data_preprocessor(batch, training)


def _numbers(value: Any) -> dict[str, Any]:
    """Shape and numbers of a tensor, of boxes, or of joints with their visibility."""
    if hasattr(value, 'points') and hasattr(value, 'visibility'):
        value = torch.cat([value.points.float(), value.visibility.float()[..., None]], -1)
    value = torch.as_tensor(getattr(value, 'tensor', value)).detach()
    return dict(shape=list(value.shape), values=value.double().flatten().tolist())


def seed_all() -> None:
    """One state of chance before each pass."""
    random.seed(0)
    np.random.seed(0)
    torch.manual_seed(0)


def prepare_process(gibibytes: float) -> None:
    """One thread, no more memory than so much, and silence about each parameter's group."""
    torch.set_num_threads(1)
    warnings.simplefilter('ignore')
    MMLogger.get_instance('freeze', log_level='ERROR')
    logging.getLogger('torch').setLevel(logging.ERROR)
    limit = int(gibibytes * 2**30)
    resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))


@contextlib.contextmanager
def _at_most(seconds: float) -> Iterator[None]:
    """Inside, raise :class:`TooExpensive` after so many seconds of the processor."""

    def stop(*_: Any) -> None:
        raise TooExpensive

    before = signal.signal(signal.SIGPROF, stop)
    signal.setitimer(signal.ITIMER_PROF, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)


def _plain(value: Any) -> Any:
    """A setting as JSON knows it."""
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value if isinstance(value, int | float | str | None) else str(value)

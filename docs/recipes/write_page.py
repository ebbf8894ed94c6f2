"""Write docs/recipes.md: every released recipe beside ours, from built objects.

Ours is read from the built model, optimizer, schedules and transforms. Of the releases
``released.json`` holds what their own trainings have stored (``stored``), and what was read from
their configs (``read``).

    python docs/recipes/write_page.py                     # the page anew
    python docs/recipes/write_page.py --stored FOLDER     # first read the stored trainings anew
"""
from __future__ import annotations

import argparse
import copy
import importlib
import inspect
import json
import logging
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from mmdet3d.registry import MODELS, TRANSFORMS
from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmengine.runner import BaseLoop
from torch import nn

from sparse3d.argument_objects import argument_object, argument_objects_of
from sparse3d.atomic_files import write_bytes_atomically
from sparse3d.engine.load_config import load_config
from sparse3d.engine.runner import Sparse3DRunner
from sparse3d.transforms import ground_truth_sampling

HERE = Path(__file__).resolve().parent
PAGE, RELEASED = HERE.parent / 'recipes.md', HERE / 'released.json'
COMMAND = 'python docs/recipes/write_page.py'
OWN_WEIGHTS = 'classes rare and last layers small at the start, dense maps Kaiming'
PATHS = ('data_root', 'info_path')  # arguments that are of no training but of a disk


class Loop(BaseLoop):
    """As much of a training loop as schedules ask for."""

    def __init__(self, epochs: int, batches: int) -> None:
        self.dataloader, self.max_epochs = range(batches), epochs
        self.max_iters = epochs * batches

    def run(self) -> None:
        raise NotImplementedError


# What the released trainings have stored -------------------------------------


def stored_facts(folder: Path) -> dict[str, Any]:
    """Settings in effect, from ``groups.json`` and ``schedule.npz`` of a released training."""
    listing = json.loads((folder / 'groups.json').read_text())
    parameters = _parameters(listing)
    schedule = np.load(folder / 'schedule.npz')
    given = {name: about for name, about in parameters.items()
             if about.get('group') is not None}
    examples = [given[name] for name in schedule['group_example'].tolist()]
    trained = [about for about in given.values() if about['requires_grad']]
    columns = {about['lr']: column for column, about in enumerate(examples)}
    rates = {(column, about['weight_decay']) for about in trained
             for column in [columns[about['lr']]]}
    left_out = [about for about in parameters.values() if about.get('group') is None]
    return {
        'rates': sorted([*_ends(schedule['published_lr'][:, column]), decay]
                        for column, decay in rates),
        'momentum': _ends(-schedule['published_beta1'][:, 0], -1),
        'beta2 and eps': sorted({(about['betas'][1], about['eps']) for about in trained}),
        'weight decay of norms and biases': sorted({
            about['weight_decay'] for about in trained if len(about['shape']) <= 1}),
        'gradient clipping': listing['clip']['max_norm'],
        'numbers that the optimizer never receives': sum(
            int(np.prod(about['shape'])) for about in left_out if about['requires_grad']),
        'epochs': int(schedule['published_epochs']),
        'iterations': schedule['published_iter'].tolist(),
        'iterations of an epoch': int(schedule['published_iters_per_epoch'])}


def _parameters(listing: dict) -> dict[str, dict]:
    """What each parameter was given; parameters may share a setting by its number."""
    if 'settings' not in listing:
        return listing['parameters']
    return {name: {**listing['settings'][number], 'shape': shape}
            for name, (number, shape) in listing['parameters'].items()}


def _ends(values: np.ndarray, sign: int = 1) -> list[float]:
    """First, highest (of negative values: lowest) and last."""
    return [float(f'{sign * value:.9g}') for value in (values[0], values.max(), values[-1])]


def stored_folder(name: str, goldens: Path) -> Path:
    """Where a released training is stored: in the repository, or in the goldens."""
    here = HERE.parents[1] / name if name.startswith('tests/') else None
    return here or goldens / name


# Ours, from built objects -----------------------------------------------------


def our_facts(name: str, stored: dict, on_meta: bool, options: dict | None = None
              ) -> dict[str, Any]:
    """The same settings of one of our configs; iterations are those of the release's data."""
    config = load_config(name, options or {})
    model = build_model(config, on_meta)
    runner = Sparse3DRunner.__new__(Sparse3DRunner)
    epochs = config.train_cfg.max_epochs
    runner._train_loop = Loop(epochs, stored['iterations of an epoch'])
    runner.logger, runner.model = logging.getLogger(), model
    settings = dict(config.optim_wrapper)
    if settings['type'] == 'AmpOptimWrapper':  # needs a GPU; what is asked for here is the same
        settings = {key: value for key, value in settings.items()
                    if key not in ('type', 'loss_scale')}
    runner.optim_wrapper = wrapper = runner.build_optim_wrapper(settings)
    sizes = {id(value): value for value in model.parameters() if value.requires_grad}
    groups = [group for group in wrapper.param_groups
              if any(id(value) in sizes for value in group['params'])]
    schedules = runner.build_param_scheduler(config.param_scheduler)
    share = epochs / stored['epochs']
    history = []
    for iteration in stored['iterations']:
        _go_to(schedules, round(iteration * share) if iteration != stored['iterations'][-1]
               else epochs * stored['iterations of an epoch'] - 1)
        history.append([(group['lr'], group['betas'][0]) for group in groups])
    history = np.array(history)  # [iterations, groups, 2]
    received = {id(value) for group in wrapper.param_groups for value in group['params']}
    vectors = {id(value) for value in sizes.values() if value.dim() <= 1}
    return {
        'rates': sorted({(*_ends(history[:, column, 0]), group['weight_decay'])
                         for column, group in enumerate(groups)}),
        'momentum': _ends(-history[:, 0, 1], -1),
        'beta2 and eps': sorted({(group['betas'][1], group['eps']) for group in groups}),
        'weight decay of norms and biases': sorted({
            group['weight_decay'] for group in groups
            if any(id(value) in vectors for value in group['params'])}),
        'gradient clipping': wrapper.clip_grad_kwargs['max_norm'],
        'numbers that the optimizer never receives': sum(
            value.numel() for key, value in sizes.items() if key not in received),
        'epochs': epochs}


def build_model(config: Config, on_meta: bool) -> nn.Module:
    """The model of a config without its pre-trained files, and without memory where possible."""
    init_default_scope('mmdet3d')
    settings = {key: value for key, value in copy.deepcopy(config.model).items()
                if key != 'data_preprocessor'}
    for part in settings.values():
        if isinstance(part, dict):
            part.pop('init_cfg', None)
    with torch.device('meta' if on_meta else 'cpu'):
        return MODELS.build(settings)


def _go_to(schedules: list, iteration: int) -> None:
    for schedule in schedules if iteration else ():
        schedule.load_state_dict({**schedule.state_dict(), 'last_step': iteration - 1,
                                  '_global_step': iteration - 1})
        schedule.step()


def our_words(name: str, on_meta: bool) -> Iterator[tuple[str, str]]:
    """What else makes our recipe: rows of the page in words."""
    config = load_config(name)
    loader = config.train_dataloader
    samples = (config.get('auto_scale_lr') or {}).get('base_batch_size')
    yield 'batch', (f'{loader.batch_size} on each of {samples // loader.batch_size} GPUs, '
                    f'{samples} together')
    yield 'mixed precision', (f'loss scale {config.optim_wrapper.loss_scale:g}'
                              if config.optim_wrapper.type == 'AmpOptimWrapper' else 'off')
    dataset, kinds = loader.dataset, []
    while 'dataset' in dataset:
        kinds.append(dataset.type)
        dataset = dataset.dataset
    yield 'sampling of classes', ', '.join(kinds) or 'none'
    yield 'frames', _short(dict(dataset.get('frames') or {})) or 'as the points are loaded'
    yield 'transforms, in order', ' → '.join(transform_words(dataset.pipeline))
    yield 'last epochs', ', '.join(
        _call(hook) for hook in config.get('custom_hooks') or ()) or 'as all others'
    preprocessor = config.model.data_preprocessor
    of_images = 'in the image encoder' if config.model.get('image_encoder') else 'no images'
    yield 'image normalization', (
        f'mean {_short(preprocessor.mean)}, std {_short(preprocessor.std)}'
        if preprocessor.get('mean') else of_images)
    norms = sorted({(type(part).__name__, part.momentum, part.eps)
                    for part in build_model(config, on_meta).modules()
                    if isinstance(part, nn.modules.batchnorm._BatchNorm)})
    yield 'batch norms', '; '.join(f'{kind}: momentum {momentum:g}, eps {eps:g}'
                                   for kind, momentum, eps in norms)
    yield 'statistics over all GPUs', str(config.get('sync_bn') or 'no')
    yield 'averages of the weights', ', '.join(
        _call(hook) for hook in config.get('custom_hooks') or () if 'EMA' in hook.type) or 'none'
    own = config.get('released_weights') and config.get('initial_weights') != 'released'
    yield 'initial weights', OWN_WEIGHTS if own else 'as released'
    yield 'begins from', ', '.join(_first_weights(config)) or 'random weights'


def transform_words(pipeline: list) -> Iterator[str]:
    """Each transform as it is built: its arguments, those by default included."""
    real = ground_truth_sampling.load_index
    ground_truth_sampling.load_index = lambda *arguments, **options: {}  # no data needed
    try:
        for settings in pipeline:
            kind = type(TRANSFORMS.build(dict(settings)))
            bound = inspect.signature(kind).bind_partial(
                **{key: value for key, value in settings.items() if key != 'type'})
            bound.apply_defaults()
            yield _call({'type': kind.__name__, **bound.arguments, **_groups(kind, bound)})
    finally:
        ground_truth_sampling.load_index = real


def _groups(kind: type, bound: inspect.BoundArguments) -> dict[str, str]:
    """Argument objects in words; one that is left out is none where that means something."""
    return {name: f'dict({_given(vars(argument_object(kind, name, value)))})'
            for name in argument_objects_of(kind)
            if (value := bound.arguments[name]) is not None or name == 'resampling'}


def _call(settings: dict) -> str:
    return f'`{settings["type"]}({_given(settings)})`'


def _given(settings: dict) -> str:
    return ', '.join(f'{key}={_short(value)}' for key, value in settings.items()
                     if key not in ('type', *PATHS) and value not in (None, False, {}, ()))


def _short(value: Any) -> str:
    if isinstance(value, float):
        return f'{value:g}'
    if isinstance(value, dict):
        return ' '.join(f'{key} {_short(item)}' for key, item in value.items())
    if isinstance(value, list | tuple):
        return f'[{", ".join(map(_short, value))}]'
    return str(value)


def _first_weights(config: Config) -> Iterator[str]:
    """Files that the config and its parts begin from."""
    if config.get('load_from'):
        yield Path(config.load_from).name
    for name, part in config.model.items():
        start = part.get('init_cfg') if isinstance(part, dict) else None
        if isinstance(start, dict) and start.get('checkpoint'):
            yield f'{name}: {start["checkpoint"]}'


# The page ---------------------------------------------------------------------


def published_options(system: dict) -> dict[str, Any]:
    """What the system's converter writes into a checkpoint: dotted keys and values."""
    options = {}
    for place in system['options']:
        module, name = place.split(':')
        found = getattr(importlib.import_module(module), name)
        options.update(found[system['kind']] if 'kind' in system else found)
    return {f'model.published.{key}': value for key, value in options.items()}


def write(systems: dict[str, dict]) -> str:
    """The whole page."""
    parts = ['# Recipes: released and ours', '', f'Written by `{COMMAND}`; do not edit. ' + HEAD]
    for name, system in systems.items():
        parts += ['', *_section(name, system)]
    return '\n'.join(parts) + '\n'


HEAD = (
    'Ours is read from the built model, optimizer, schedules and transforms. The released column '
    'is what the released code itself had in effect, stored by running its own optimizer and '
    'schedules (`docs/recipes/released.json`); lines marked * are from our notes on the release '
    'and its config, "not read" where nobody looked. A line in bold differs: the last column '
    'restores the release. '
    'Each parameter, rate and momentum over the whole schedule and 40 optimizer steps are held by '
    '`tests/test_released_recipes.py`, five training steps by `tests/test_released_steps.py`, the '
    'distribution of every initial weight by `tests/test_initial_weights.py`.')


def _section(name: str, system: dict) -> Iterator[str]:
    stored = system['stored']
    ours = our_facts(system['config'], stored, system['on_meta'])
    yield f'## {name}'
    yield ''
    yield f'Released: {system["source"]}, commit `{system["commit"]}`. Ours: `{system["config"]}`.'
    yield from ('', '| setting | released | ours | to restore the release |', '|---|---|---|---|')
    restored = system.get('restore', {})
    for key, value in ours.items():
        same = as_text(key, value) == as_text(key, stored[key])
        label = key if same else f'**{key}**'
        way = '' if same else f'`{restored[key]}`'
        yield f'| {label} | {as_text(key, stored[key])} | {as_text(key, value)} | {way} |'
    for key, words in our_words(system['config'], system['on_meta']):
        there = system['read'].get(key, 'not read')
        way = f'`{restored[key]}`' if key in restored else ''
        label = f'**{key}**' if way else key
        yield f'| {label} * | {there} | {words} | {way} |'
    yield from ('', 'What the release does and a new training does not, unless asked; a converted '
                'checkpoint asks for all of it:', '', '| option | by default | released |',
                '|---|---|---|')
    for key, value in published_options(system).items():
        yield f'| `{key}` | off | {_short(value)} |'


def as_text(key: str, value: Any) -> str:
    """A setting as the page shows it; equal settings are equal texts."""
    if key == 'rates':
        return '; '.join(f'{first:.6g} → {peak:.6g} → {last:.6g}, weight decay {decay:g}'
                         for first, peak, last, decay in sorted(map(tuple, value)))
    if key == 'momentum':
        return ' → '.join(f'{item:.6g}' for item in value)
    if isinstance(value, list):
        return '; '.join(_short(item).strip('[]') for item in value)
    return f'{value:,}'


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--stored', type=Path, help='folder of the stored released trainings')
    arguments = parser.parse_args()
    logging.disable(logging.WARNING)  # mmengine names the rate of every parameter
    systems = json.loads(RELEASED.read_text())
    if arguments.stored:
        for system in systems.values():
            system['stored'] = stored_facts(stored_folder(system['folder'], arguments.stored))
        text = json.dumps(systems, indent=1, ensure_ascii=False) + '\n'
        write_bytes_atomically(RELEASED, text.encode())
    write_bytes_atomically(PAGE, write(systems).encode())


if __name__ == '__main__':
    sys.exit(main())

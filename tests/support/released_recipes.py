"""The published recipes: ours as built objects, beside what the released trainings have stored.

The stored arrays were written by the released trainings themselves (``training*`` in the
goldens, and ``tests/fixtures/released_trainings``): what every parameter was given, rates and
momenta in force, and optimizer steps.
"""
from __future__ import annotations

import importlib.util
import json
import logging
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cached_property, lru_cache, partial
from pathlib import Path

import numpy as np
import torch
from mmdet3d.registry import MODELS
from mmengine.registry import init_default_scope
from mmengine.runner import BaseLoop
from torch import nn

import dsvt.published_checkpoint
import focalsconv.published_checkpoint
import safdnet.published_checkpoint
import sparse4d.published_names
import sparse4d.register
import sparsebev.published_names
import sparsefusion.published_names
import voxelkp.published_checkpoint
from sparse3d.engine.load_config import load_config
from sparse3d.engine.runner import Sparse3DRunner

ROOT = Path(__file__).resolve().parents[2]
HERE = ROOT / 'tests' / 'fixtures' / 'released_trainings'
EXACT = dict(rtol=1e-9, atol=0)
LONG, STAND_IN = 4096, 512  # elements: what is longer is stood in for by so many


def focal_name(published: str) -> str | None:
    """Our name in the detector of a tensor of either Focals Conv family."""
    kitti = published.startswith('backbone_3d.')
    for prefix in ('backbone_3d.semseg.', 'network2d.'):
        if published.startswith(prefix):
            return 'image_encoder.' + published.removeprefix(prefix).replace(
                'ifn.model.backbone.', 'backbone.').replace('reduce_blocks.0.', 'reduction.')
    name = published.removeprefix('backbone_3d.' if kitti else 'backbone.')
    ours = focalsconv.published_checkpoint.published_to_ours(name, not kitti)
    return ours and f'middle_encoder.{ours}'


@lru_cache(None)
def released_names(folder: str) -> dict[str, None]:
    """Names of all parameters of a released model whose training is stored here."""
    return dict.fromkeys(json.loads((HERE / folder / 'groups.json').read_text())['parameters'])


@lru_cache(None)
def safdnet_name(folder: str, name: str) -> str | None:
    """Our name of a parameter of HEDNet or SAFDNet; which of them it is all names tell."""
    return safdnet.published_checkpoint.translate(name, released_names(folder))


@dataclass
class Recipe:
    """A published recipe and where its release's training is stored.

    Attributes:
        golden: folder of the stored arrays.
        here: that folder is in ``tests/fixtures/released_trainings``; in its optimizer steps long
            parameters have short ones to stand in for them.
        config: ours.
        translate: our name of a released parameter, empty or None where there is none.
        state: list of the released weights, relative to the folder above the golden.
        peak: highest rate of the cycle by what ``lr`` in groups.json says.
        steps: file of the optimizer steps.
        whole: every trained parameter of the release has its counterpart in ours, so that the
            gradient's norm is compared as well.
        absent: trained parameters of the release that ours does without, since they have no
            effect on the outputs (biases in front of batch norms, norms that nothing reads).
        meta: the model can be built without memory.
        options: of the config, beside its defaults.
        short_options: of the config, for the short training.
    """

    golden: str
    config: str
    translate: Callable[[str], str | None]
    state: str = 'state.json'
    peak: float = 1
    steps: str = 'optimizer_steps.npz'
    whole: bool = False
    absent: int = 0
    meta: bool = True
    here: bool = False
    options: dict = field(default_factory=dict)
    short_options: dict = field(default_factory=dict)


RECIPES = {
    'sparsebev': Recipe(
        'sparsebev/training', 'sparsebev/sparsebev_r50_400q_nuscenes.py',
        sparsebev.published_names.ours,
        short_options={'param_scheduler.0.warmup_steps': 15}),
    'dsvt': Recipe(
        'dsvt/training', 'dsvt/dsvt_pillar_waymo_1frame_24e.py',
        dsvt.published_checkpoint.translate, steps='optimizer_steps_all.npz', whole=True,
        meta=False),
    'dsvt_as_published': Recipe(
        'dsvt/training', 'dsvt/dsvt_pillar_waymo_1frame_24e.py',
        dsvt.published_checkpoint.translate, whole=True, meta=False,
        options={'model.published.leaf_parameters': True}),
    'sparsefusion': Recipe(
        'sparsefusion/training', 'sparsefusion/sparsefusion_r50_nuscenes.py',
        sparsefusion.published_names.ours, peak=8, absent=4, meta=False),
    'voxelkp': Recipe(
        'voxelkp/training', 'voxelkp/voxelkp_waymo.py',
        voxelkp.published_checkpoint.published_to_ours, absent=45),
    'focalsconv_kitti': Recipe(
        'focalsconv/training_kitti', 'focalsconv/focalsconv_pv_rcnn_kitti_3class.py',
        focal_name, whole=True),
    'focalsconv_nuscenes': Recipe(
        'focalsconv/training_nuscenes', 'focalsconv/focalsconv_f_centerpoint_nuscenes.py',
        focal_name, state='state_nusc_mm.json', absent=16),
}


def _here(folder: str, config: str, translate: Callable, **options) -> Recipe:
    return Recipe(folder, config, translate, here=True, **options)


for _folder, _config, _absent in (
        ('safdnet_argoverse2', 'safdnet_argoverse2_24e', 64),
        ('safdnet_waymo', 'safdnet_waymo_4frames_24e', 64),
        ('safdnet_nuscenes', 'safdnet_nuscenes_20e', 72),
        ('hednet_argoverse2', 'hednet_argoverse2_12e', 36),
        ('hednet_waymo', 'hednet_waymo_1frame_24e', 36),
        ('hednet_nuscenes', 'hednet_nuscenes_20e', 48)):
    RECIPES[_folder] = _here(_folder, f'safdnet/{_config}.py', partial(safdnet_name, _folder),
                             absent=_absent)
for _folder in ('safdnet_nuscenes', 'hednet_nuscenes'):
    RECIPES[f'{_folder}_as_published'] = replace(
        RECIPES[_folder], options={'model.published.leaf_parameters': True})
    RECIPES[_folder].steps = 'optimizer_steps_all.npz'
for _version, _config in (('v3', 'v3_r50'), ('v2', 'v2_r50'), ('v1', 'v1_r101')):
    RECIPES[f'sparse4d_{_version}'] = _here(
        f'sparse4d_{_version}', f'sparse4d/sparse4d_{_config}_nuscenes.py',
        partial(sparse4d.published_names.ours, first_version=_version == 'v1'),
        short_options={'param_scheduler.0.warmup_steps': 15})


class Loop(BaseLoop):
    """As much of a training loop as schedules ask for."""

    def __init__(self, epochs: int, batches: int) -> None:
        self.dataloader, self.max_epochs = range(batches), epochs
        self.max_iters = epochs * batches

    def run(self) -> None:
        raise NotImplementedError


class Training:
    """Optimizer and schedules that our config describes, beside the released ones."""

    def __init__(self, recipe: Recipe, golden: Path, short: bool,
                 options: dict | None = None) -> None:
        self.recipe, self.golden = recipe, golden / recipe.golden
        listing = json.loads((self.golden / 'groups.json').read_text())
        self.released, self.clip = released_parameters(listing), listing['clip']
        self.schedule = np.load(self.golden / 'schedule.npz')
        self.kind = 'short' if short else 'published'
        config = load_config(ROOT / 'configs' / recipe.config,
                             {**recipe.options, **(recipe.short_options if short else {}),
                              **(options or {})})
        for part in config.model.values():
            if isinstance(part, dict):
                part.pop('init_cfg', None)
        if config.optim_wrapper.type == 'AmpOptimWrapper':  # needs a GPU; rates are the same
            config.optim_wrapper = {key: value for key, value in config.optim_wrapper.items()
                                    if key not in ('loss_scale', 'type')}
        self.config = config
        init_default_scope('mmdet3d')
        self.model = self.build()
        self.parameters = dict(self.model.named_parameters())

    def build(self) -> nn.Module:
        """The model, where possible without memory for its weights."""
        settings = {key: value for key, value in self.config.model.items()
                    if key != 'data_preprocessor'}
        with torch.device('meta' if self.recipe.meta else 'cpu'):
            return MODELS.build(settings)

    @cached_property
    def ours(self) -> dict[str, str]:
        """Released name -> our name, of all parameters that both have."""
        pairs = {name: self.recipe.translate(name) for name in self.released}
        return {name: found for name, found in pairs.items() if found in self.parameters}

    @property
    def trained(self) -> dict[str, str]:
        """Those of :attr:`ours` that the release trains."""
        return {name: found for name, found in self.ours.items()
                if self.released[name]['requires_grad']}

    def replace(self, values: dict[str, torch.Tensor]) -> None:
        """Give some of our parameters (our name -> elements in any order, or some that stand in
        for them) memory and values."""
        for name, value in values.items():
            module, _, last = name.rpartition('.')
            there = self.parameters[name]
            self.model.get_submodule(module).register_parameter(
                last, nn.Parameter(value.reshape(there.shape)
                                   if value.numel() == there.numel() else value))
        self.parameters = dict(self.model.named_parameters())

    def start(self) -> None:
        """Build optimizer and schedules."""
        runner = Sparse3DRunner.__new__(Sparse3DRunner)
        epochs, batches = (int(self.schedule[f'{self.kind}_{name}'])
                           for name in ('epochs', 'iters_per_epoch'))
        runner._train_loop, runner.logger = Loop(epochs, batches), logging.getLogger()
        runner.model = self.model
        self.optim_wrapper = runner.build_optim_wrapper(self.config.optim_wrapper)
        runner.optim_wrapper = self.optim_wrapper
        self.schedules = runner.build_param_scheduler(self.config.param_scheduler)
        self.groups = {id(value): group for group in self.optim_wrapper.param_groups
                       for value in group['params']}

    def group_of(self, released: str) -> dict:
        """Our parameter group of a released parameter."""
        return self.groups[id(self.parameters[self.ours[released]])]

    @cached_property
    def optimized(self) -> list[str]:
        """Released names of :attr:`trained` that the release's optimizer receives."""
        return [name for name in self.trained if self.released[name].get('group') is not None]

    @cached_property
    def columns(self) -> list[int]:
        """Which column of the stored schedule belongs to each of :attr:`optimized`."""
        rates = [self.released[name]['lr'] for name in self.schedule['group_example']]
        return [rates.index(self.released[name]['lr']) for name in self.optimized]

    def go_to(self, iteration: int) -> None:
        """Bring the schedules to an iteration, as a resumed training does."""
        for schedule in self.schedules:
            if iteration:
                schedule.load_state_dict({**schedule.state_dict(), 'last_step': iteration - 1,
                                          '_global_step': iteration - 1})
                schedule.step()


def released_parameters(listing: dict) -> dict[str, dict]:
    """What the release gave each parameter, by its released name.

    Args:
        listing: ``groups.json``; parameters of one setting may share it by its number.
    """
    if 'settings' not in listing:
        return listing['parameters']
    return {name: {**listing['settings'][number], 'shape': shape}
            for name, (number, shape) in listing['parameters'].items()}


def drawn(name: str, shape: list[int]) -> torch.Tensor:
    """Values by a name, the same with every NumPy: in place of a long array some elements."""
    size = int(np.prod(shape))
    draws = np.random.RandomState(zlib.crc32(name.encode())).standard_normal(
        STAND_IN if size > LONG else size)
    return torch.from_numpy(0.05 * draws)


def values(fill: Callable, name: str, shape: list[int]) -> torch.Tensor:
    return torch.from_numpy(np.ascontiguousarray(fill(name, shape))).double()


def fill_function(golden_dir: Path) -> Callable:
    """The rule that gives stored weights and gradients their values."""
    spec = importlib.util.spec_from_file_location('golden_weights', golden_dir / 'weights.py')
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.fill

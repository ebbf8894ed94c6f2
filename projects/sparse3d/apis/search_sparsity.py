"""The ratios of windows with which a trained detector loses least at a limited cost."""
from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from os import PathLike
from pathlib import Path
from typing import Any

import torch
from mmengine.dataset import pseudo_collate
from torch import Tensor, nn

from sparse3d.apis.test import keep_test_alone
from sparse3d.apis.train import choose_work_dir
from sparse3d.atomic_files import check_file_place
from sparse3d.checkpoints.open import load_weights
from sparse3d.deploy.weights_sum import weights_sum
from sparse3d.engine.agreement.check import check_checkpoint
from sparse3d.engine.checkpoint_config import open_with_config
from sparse3d.engine.hooks.draw_window_ratios import sparse_swins
from sparse3d.engine.ratio_search import Candidate, EvolutionarySearch, SearchSettings
from sparse3d.engine.ratio_space import Numbers, RatioSpace
from sparse3d.engine.registry_errors import clear_registry_errors
from sparse3d.engine.result_record import write_result
from sparse3d.engine.runner import Sparse3DRunner, bare_model
from sparse3d.engine.timing import measure
from sparse3d.errors import ConfigError, DataError
from sparse3d.models.backbones.seen_images import SeenImages
from sparse3d.models.backbones.sparse_swin import SparseSwin
from sparse3d.models.backbones.window_ratios import Ratios
from sparse3d.parallel.progress import said

UNITS = ('macs', 'ms')
WARMUP, REPEATS = 3, 10


@dataclass(frozen=True)
class SearchRequest:
    """What decides on the scores and costs of a file of results.

    Attributes:
        config: path or name.
        checkpoint: path.
        metric: a metric of the test, or None for the first whose name ends in mAP or AP.
        unit: of the costs: ``'macs'``, the share of the multiplications of the dense backbone's
            blocks, or ``'ms'``, measured here, of the backbone and the images of one sample.
        options: that override the config.
    """

    config: str
    checkpoint: str
    metric: str | None = None
    unit: str = 'macs'
    options: tuple[str, ...] = ()


def search_sparsity(request: SearchRequest, out: str | PathLike, settings: SearchSettings,
                    cfg_options: dict[str, Any] | None = None,
                    work_dir: str | PathLike | None = None) -> dict[str, Any]:
    """Search, and write the best ratios and all that were looked at as JSON.

    The file is written after every candidate; a search that finds its file goes on there.

    Args:
        settings: limits and size of the search.
        cfg_options: ``request.options`` as keys and values.
        work_dir: folder for logs; default ``work_dirs/<config name>``.

    Returns:
        What the file has: ``ratios``, ``score``, ``cost``, ``dense`` and ``candidates``.

    Raises:
        ConfigError: if the model has no SparseSwin, or no ratios lie within the limits.
        DataError: if the file is one of another search.
    """
    if request.unit not in UNITS:
        raise ConfigError(f'unit is {request.unit!r}; use one of {", ".join(UNITS)}')
    check_file_place(out)
    known, weights = _known(Path(out), request)
    scored = ScoredModel.open(request, cfg_options, work_dir)
    if weights not in (None, scored.weights):
        raise DataError(f'{out} is of a search with other weights than {request.checkpoint} has '
                        f'now; name another file, or remove it')
    search = EvolutionarySearch(scored.space, settings, scored.cost, scored.score, known)

    def write(best: Candidate | None = None) -> dict[str, Any]:
        content = _content(request, settings, search, scored, best)
        write_result(out, content)
        return content
    search.on_candidate = lambda: _tell(write())
    return write(search.run())


class ScoredModel:
    """A detector whose ratios are changed, measured and tested.

    Args:
        runner: of a test; with the weights.
        unit: of the costs.
        metric: see :class:`SearchRequest`.

    Attributes:
        weights: the sum that tells them from others.
    """

    def __init__(self, runner: Sparse3DRunner, unit: str, metric: str | None) -> None:
        self.runner, self.unit, self.metric = runner, unit, metric
        self.weights = weights_sum(bare_model(runner.model))
        found = sparse_swins(bare_model(runner.model))
        if len(found) != 1:
            raise ConfigError(f'the model has {len(found)} SparseSwin, and a search changes one; '
                              f"set its image backbone to type='SparseSwin'")
        self.backbone = found[0]
        self.space = RatioSpace(tuple(self.backbone.depths))
        sample = runner.test_loop.dataloader.dataset[0]
        self.images, self.seen = seen_by(bare_model(runner.model), self.backbone, sample)
        self.dense_cost = self.cost_of([[0.0] * depth for depth in self.backbone.depths])

    @classmethod
    def open(cls, request: SearchRequest, cfg_options: dict[str, Any] | None,
             work_dir: str | PathLike | None) -> ScoredModel:
        """The detector of a config with the weights of a checkpoint, ready to be tested."""
        config, opened = open_with_config(request.config, request.checkpoint, cfg_options)
        assert opened is not None  # a checkpoint is named
        keep_test_alone(config)
        config.work_dir = choose_work_dir(config, work_dir)
        config.verbose = False
        config.load_from, config.resume, config.launcher = opened.path, False, 'none'
        with clear_registry_errors():
            runner = Sparse3DRunner.from_cfg(config)
        load_weights(bare_model(runner.model), opened)
        check_checkpoint(config, ['test'], opened.content, opened.path)
        runner.opened = opened
        return cls(runner, request.unit, request.metric)

    def cost(self, numbers: Numbers) -> float:
        """Of the backbone with these ratios, see :class:`SearchRequest`."""
        return self.cost_of(self.space.blocks(numbers))

    def cost_of(self, ratios: Ratios) -> float:
        """The same for the ratios of all blocks."""
        size = (int(self.images.shape[-2]), int(self.images.shape[-1]))
        if self.unit == 'macs':
            dense = [[0.0] * depth for depth in self.backbone.depths]
            return round(self.backbone.block_macs(size, ratios)
                         / self.backbone.block_macs(size, dense), 4)
        self.backbone.set_ratios(ratios)
        self.backbone.eval()
        with torch.no_grad():
            timing = measure(lambda: self.backbone(self.images, self.seen), REPEATS, WARMUP)
        return round(timing.milliseconds, 3)

    def score(self, numbers: Numbers) -> float:
        """The metric of a test with these ratios."""
        self.backbone.set_ratios(self.space.blocks(numbers))
        metrics = self.runner.test()
        name = self.metric or _first_precision(metrics)
        if name not in metrics:
            raise ConfigError(f'the test gives no metric {name!r}; it gives '
                              f'{", ".join(sorted(metrics))}')
        return float(metrics[name])


def seen_by(model: nn.Module, backbone: SparseSwin, sample: dict
            ) -> tuple[Tensor, SeenImages | None]:
    """The images that reach an image backbone when a model detects in a sample."""
    seen: list[tuple[Tensor, SeenImages | None]] = []
    hook = backbone.register_forward_pre_hook(
        lambda module, given: seen.append((given[0].detach(), *given[1:2])))
    try:
        with torch.no_grad():
            model.eval().test_step(pseudo_collate([sample]))  # type: ignore[operator]
    finally:
        hook.remove()
    images, *rest = seen[0]
    return images, rest[0] if rest else None


def _first_precision(metrics: dict[str, float]) -> str:
    named = [name for name in metrics if name.endswith(('mAP', 'AP'))]
    if not named:
        raise ConfigError(f'the test gives no mAP; name the metric to keep: '
                          f'{", ".join(sorted(metrics))}')
    return named[0]


def _content(request: SearchRequest, settings: SearchSettings, search: EvolutionarySearch,
             scored: ScoredModel, best: Candidate | None) -> dict[str, Any]:
    lowest, highest = settings.limits  # a search before may have had others
    looked_at = [one for one in search.known.values()
                 if one.score is not None and lowest <= one.cost <= highest]
    best = best or max(looked_at, key=lambda one: (one.score, -one.cost))
    return {
        'request': asdict(request), 'settings': asdict(settings),
        'ratios': search.space.blocks(best.numbers), 'score': best.score, 'cost': best.cost,
        'dense_cost': scored.dense_cost, 'weights': scored.weights, 'scored': len(looked_at),
        'candidates': [asdict(one) for one in search.known.values()]}


def _known(out: Path, request: SearchRequest) -> tuple[dict[Numbers, Candidate], str | None]:
    """The candidates of a search before, and the sum of its weights."""
    if not out.is_file():
        return {}, None
    try:
        content = json.loads(out.read_text())
        before, weights = content['request'], content.get('weights')
        known = [Candidate(tuple(one['numbers']), one['cost'], one['score'])
                 for one in content['candidates']]
    except (ValueError, KeyError, TypeError) as error:
        raise DataError(f'{out} is not a file of this tool ({error}); name another one') from error
    for name, value in json.loads(json.dumps(asdict(request))).items():
        if before.get(name) != value:
            raise DataError(f'{out} is of a search with {name} {before.get(name)!r:.80}, asked for '
                            f'is {value!r:.80}; name another file, or remove it')
    return {one.numbers: one for one in known}, weights


def _tell(content: dict[str, Any]) -> None:
    print(f'{content["scored"]} scored; best {content["score"]:.4f} at {content["cost"]:.4g}: '
          f'{content["ratios"]}', flush=True)
    said()


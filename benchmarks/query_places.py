"""Whether a detector with queries fails where they begin: a test with queries at the objects.

    python -m sparse3d_benchmarks.query_places CONFIG CHECKPOINT --out places.json

tests a SparseBEV twice: as it is, and with the query nearest to each labeled object moved to its
center; size, direction and features stay as they were learned. What the second row gains is lost
by places that the decoder's passes do not reach. Beside it stand the oracles of
``sparse3d_benchmarks.detection_oracles``.
"""
from __future__ import annotations

import argparse
import copy
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from mmdet3d.registry import HOOKS
from mmengine.hooks import Hook
from mmengine.model import is_model_wrapper
from scipy.optimize import linear_sum_assignment
from torch import Tensor, nn

import sparse3d.register  # noqa: F401
from sparse3d.errors import ConfigError, DataError
from sparse3d.models.query.box_code import centers_in_meters, ground_truth_boxes, places_in_range

if TYPE_CHECKING:
    from sparsebev.beginnings import Beginning
    from sparsebev.views import Views

AS_TESTED, AT_OBJECTS = 'as it is', 'queries begin at the objects'


class PlacedQueries(nn.Module):
    """Queries of which the nearest to each object begins at its center.

    Args:
        learned: how they begin otherwise.

    Attributes:
        objects: [M, 3] centers in meters for each sample of the next batch.
    """

    def __init__(self, learned: nn.Module) -> None:
        super().__init__()
        self.learned = learned
        self.has_boxes = learned.has_boxes
        self.objects: Sequence[Tensor] = ()

    def forward(self, head: nn.Module, maps: Sequence[Tensor], views: Views) -> Beginning:
        """The learned beginning with some centers moved."""
        first = self.learned(head, maps, views)
        limits, boxes = head.point_cloud_range, first.boxes.clone()
        for sample, centers in enumerate(self.objects):
            centers = centers.to(boxes)
            apart = torch.cdist(centers_in_meters(boxes[sample], limits), centers)  # [Q, M]
            query, found = linear_sum_assignment(apart.cpu().numpy())
            boxes[sample, query, :3] = places_in_range(centers, limits)[found]
        return replace(first, boxes=boxes)


@HOOKS.register_module()
class QueriesAtObjectsHook(Hook):
    """Queries of a test begin at the labeled objects of each sample.

    Raises:
        ConfigError: for a model whose head has no queries that begin somewhere.
        DataError: for samples without labels.
    """

    def before_test(self, runner: Any) -> None:
        """Put the places between the head and how its queries begin."""
        model = runner.model.module if is_model_wrapper(runner.model) else runner.model
        head = getattr(model, 'bbox_head', None)
        if not getattr(getattr(head, 'beginning', None), 'has_boxes', False):
            raise ConfigError(f'{type(model).__name__} has no queries that begin as boxes; name a '
                              f'SparseBEV')
        self.head, self.placed = head, PlacedQueries(head.beginning)
        head.beginning = self.placed

    def before_test_iter(self, runner: Any, batch_idx: int, data_batch: Any = None) -> None:
        """Where the objects of the batch are."""
        self.placed.objects = [_centers(sample) for sample in data_batch['data_samples']]

    def after_test(self, runner: Any) -> None:
        """Leave the head as it was."""
        self.head.beginning = self.placed.learned


def _centers(sample: Any) -> Tensor:
    labels = sample.get('eval_ann_info')
    if labels is None:
        raise DataError('a sample of the test has no labels (eval_ann_info): the places of its '
                        'objects are not known; test on a labeled split')
    return ground_truth_boxes(labels['gt_bboxes_3d'])[:, :3]


def run(config: str, checkpoint: str, options: dict[str, Any] | None = None,
        work_dir: str | None = None) -> list[dict[str, Any]]:
    """Both rows, with all metrics of the test.

    Raises:
        ConfigError, CheckpointError, DataError: as :func:`sparse3d.apis.test`, and for a model
            without such queries.
    """
    from sparse3d.apis.test import test
    from sparse3d.engine.load_config import load_config
    loaded, rows = load_config(config, options), []
    for name, hooks in ((AS_TESTED, []), (AT_OBJECTS, [dict(type='QueriesAtObjectsHook')])):
        tested = copy.deepcopy(loaded)
        tested.custom_hooks = [*(tested.get('custom_hooks') or []), *hooks]
        rows.append(dict(name=name, seed=0, metrics=test(tested, checkpoint, work_dir)))
    return rows


def main(given: Sequence[str] | None = None) -> int:
    """The command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('config', help='config file of a SparseBEV, or its bare name')
    parser.add_argument('checkpoint', help='of a training')
    parser.add_argument('--out', type=Path, required=True, help='JSON file of the rows')
    parser.add_argument('--work-dir', help='for logs (default: work_dirs/<config name>)')
    parser.add_argument('--cfg-options', nargs='+', default=[], metavar='KEY=VALUE',
                        help='override the config')
    arguments = parser.parse_args(given)
    from sparse3d.apis.command_line import run_command
    from sparse3d.atomic_files import check_place
    from sparse3d.engine.config_options import parse_options
    from sparse3d.engine.result_record import write_result

    def work() -> None:
        check_place(arguments.out)
        rows = run(arguments.config, arguments.checkpoint, parse_options(arguments.cfg_options),
                   arguments.work_dir)
        write_result(arguments.out, dict(runs=rows))
        for row in rows:
            shown = {name: value for name, value in row['metrics'].items()
                     if name.endswith(('AP', 'NDS'))}
            print(f'{row["name"]}: {shown}')
    return run_command(work)


if __name__ == '__main__':
    raise SystemExit(main())

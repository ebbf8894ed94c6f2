"""A detector, a dataset and a metric so small that a whole training takes a second."""
from __future__ import annotations

import os
import signal

import numpy as np
import torch
from mmdet3d.registry import DATASETS, HOOKS, METRICS, MODELS
from mmdet3d.structures import Det3DDataSample, LiDARInstance3DBoxes
from mmengine.evaluator import BaseMetric
from mmengine.hooks import Hook
from mmengine.model import BaseModel
from mmengine.structures import InstanceData
from tiny_published import TinyPublished
from torch import nn

from sparse3d.errors import DataError


@DATASETS.register_module()
class TinyFrames(torch.utils.data.Dataset):
    """Clouds of points round one box each; ``jitter`` is drawn anew at each reading.

    Frame 3 is damaged while the file ``damaged`` is there.
    """

    METAINFO = {'classes': ('Car', 'Cyclist')}

    def __init__(self, frames: int = 8, jitter: float = 0.0, damaged: str = ''):
        self.frames, self.jitter, self.damaged = frames, jitter, damaged
        self.metainfo = dict(self.METAINFO)

    def __len__(self):
        return self.frames

    def __getitem__(self, index):
        if index == 3 and self.damaged and os.path.exists(self.damaged):
            raise DataError('frame 3 is damaged')
        made = np.random.default_rng(index)
        center = made.uniform([5, -10, -2], [30, 10, -1])
        points = center + made.normal(size=(50, 3)) + self.jitter * np.random.normal(size=3)
        points = np.column_stack([points, made.uniform(size=50)]).astype(np.float32)
        boxes = np.array([[*center, 4.0, 1.8, 1.6, made.uniform(-3, 3)]], dtype=np.float32)
        sample = Det3DDataSample(metainfo={'sample_idx': index, 'box_type_3d': None})
        sample.gt_instances_3d = InstanceData(
            bboxes_3d=LiDARInstance3DBoxes(torch.from_numpy(boxes)),
            labels_3d=torch.tensor([index % 2]))
        return {'inputs': {'points': torch.from_numpy(points)}, 'data_samples': sample}


@MODELS.register_module()
class TinyDetector(BaseModel):
    """One box a frame, from the mean of its points; dropout makes training random.

    ``published.width`` stands for what a converted checkpoint needs.
    """

    published_set = TinyPublished

    def __init__(self, width: int = 8, dropout: float = 0.0, data_preprocessor=None,
                 published: dict | None = None):
        super().__init__(data_preprocessor)
        width = TinyPublished.of(published).width or width
        self.hidden = nn.Linear(4, width)
        self.dropout = nn.Dropout(dropout)
        self.center = nn.Linear(width, 3)

    def forward(self, inputs, data_samples=None, mode='tensor'):
        means = torch.stack([points.mean(0) for points in inputs['points']])
        centers = self.center(self.dropout(self.hidden(means).relu())) + means[:, :3]
        if mode == 'tensor':
            return centers
        if mode == 'loss':
            truth = torch.cat([s.gt_instances_3d.bboxes_3d.bottom_center for s in data_samples])
            return {'loss_center': (centers - truth).abs().mean()}
        for center, sample in zip(centers, data_samples, strict=True):
            box = torch.cat([center, center.new_tensor([4.0, 1.8, 1.6, 0.0])])[None]
            sample.pred_instances_3d = InstanceData(
                bboxes_3d=LiDARInstance3DBoxes(box), scores_3d=box.new_full((1,), 0.9),
                labels_3d=torch.zeros(1, dtype=torch.int64))
        return data_samples


@METRICS.register_module()
class TinyMetric(BaseMetric):
    """Mean distance of the box from the truth, in meters; ``broken`` cannot evaluate."""

    def __init__(self, broken: bool = False):
        super().__init__()
        self.broken = broken

    def process(self, data_batch, data_samples):
        for sample in data_samples:
            found = sample['pred_instances_3d']['bboxes_3d'].bottom_center
            truth = sample['gt_instances_3d']['bboxes_3d'].bottom_center
            self.results.append(float((found - truth).norm()))

    def compute_metrics(self, results):
        if self.broken:
            raise RuntimeError('this metric cannot evaluate')
        return {'distance': float(np.mean(results)), 'frames': len(results)}


@HOOKS.register_module()
class KillHook(Hook):
    """End the process, as the operating system would, after an iteration of training.

    Args:
        iteration: counted from 1.
        rank: of several processes, this one alone.
        message: raise an error with it in place of being killed.
    """

    def __init__(self, iteration: int, rank: int | None = None, message: str | None = None):
        self.iteration, self.rank, self.message = iteration, rank, message

    def after_train_iter(self, runner, batch_idx, data_batch=None, outputs=None):
        if runner.iter + 1 != self.iteration or self.rank not in (None, runner.rank):
            return
        if self.message is not None:
            raise DataError(self.message)
        os.kill(os.getpid(), signal.SIGKILL)

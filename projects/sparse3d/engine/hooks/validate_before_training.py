"""One validation before the first epoch: what cannot work fails now, not hours later."""
from __future__ import annotations

import itertools
import time

import torch
from mmdet3d.registry import HOOKS
from mmengine.dist import all_gather_object
from mmengine.hooks import Hook
from mmengine.runner.amp import autocast

from sparse3d.engine.hooks.atomic_checkpoint import AtomicCheckpointHook
from sparse3d.engine.hooks.seed_every_epoch import random_state_kept


@HOOKS.register_module()
class ValidateBeforeTrainingHook(Hook):
    """Predict and evaluate once before training, with the untrained model.

    Training goes on exactly as it would have without: random states are set back,
    nothing is logged as a result, no best checkpoint is kept. A resumed training
    has passed this point and does not repeat it.

    Args:
        max_batches: Number of batches per process to predict, or None for the whole
            validation set. The metric then evaluates the frames of these batches;
            metrics that insist on every frame of the split (nuScenes) need None.
    """

    priority = 'LOW'

    def __init__(self, max_batches: int | None = None) -> None:
        self.max_batches = max_batches

    def before_train(self, runner) -> None:
        """Run the validation unless there is none or training is resumed."""
        if runner.val_loop is None or runner.iter > 0:
            return
        runner.logger.info('Validation before training, to see that it works:')
        start = time.monotonic()
        with random_state_kept():
            frames, metrics = self._validate(runner)
        for hook in runner.hooks:
            if isinstance(hook, AtomicCheckpointHook):
                hook.check_scores(metrics)
        runner.logger.info(
            f'Validation before training works: {frames} frames, {len(metrics)} metrics, '
            f'{time.monotonic() - start:.1f} s')

    @torch.no_grad()
    def _validate(self, runner) -> tuple[int, dict]:
        loop = runner.val_loop
        runner.model.eval()
        frames = 0
        for number, batch in enumerate(itertools.islice(loop.dataloader, self.max_batches)):
            _note_place(runner, 'before_val_iter', number)
            with autocast(enabled=loop.fp16):
                outputs = runner.model.val_step(batch)
            loop.evaluator.process(data_samples=outputs, data_batch=batch)
            frames += len(outputs)
        _note_place(runner, 'after_val_epoch')
        # Samples are repeated where processes do not divide the set, scenes are dealt out unevenly.
        frames = min(sum(all_gather_object(frames)), len(loop.dataloader.dataset))
        return frames, loop.evaluator.evaluate(frames)


def _note_place(runner, *place) -> None:
    """Tell our runner where it stands, for progress and errors; mmengine's does not ask."""
    if hasattr(runner, 'note_place'):
        runner.note_place(*place)

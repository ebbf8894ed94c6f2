"""Checkpoints that are whole or not there."""
from __future__ import annotations

import itertools
from collections.abc import Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from mmdet3d.registry import HOOKS
from mmengine.fileio import LocalBackend, get_file_backend, register_backend
from mmengine.hooks import CheckpointHook

from sparse3d.atomic_files import make_folder, write_bytes_atomically
from sparse3d.engine.hooks.better_scores import better, main_score
from sparse3d.errors import ConfigError


class AtomicFileBackend(LocalBackend):
    """mmengine's local files, but a file is replaced as a whole or stays as it was."""

    def put(self, obj: bytes, filepath: str | Path) -> None:
        """Write ``obj`` to a temporary file, then rename it to ``filepath``.

        Raises:
            DataError: if it cannot be written, for instance because the disk is full.
        """
        make_folder(Path(filepath).parent)
        write_bytes_atomically(filepath, obj)


register_backend('atomic_file_backend', AtomicFileBackend, force=True)


@HOOKS.register_module()
class AtomicCheckpointHook(CheckpointHook):
    """mmengine's checkpoint hook, safe against being killed, a full disk and hostile resumes.

    A checkpoint takes its name only once it is wholly written, and outdated ones
    are removed only after that, so that there is always one to resume from. What is
    stored can be read by PyTorch's safe loader. A checkpoint that is resumed names outdated
    files; only those in the folder of this training are removed. Takes the arguments of
    ``mmengine.hooks.CheckpointHook``; ``save_best='auto'`` chooses the number that stands for
    the metric (:func:`~sparse3d.engine.hooks.better_scores.main_score`), and whether more of it is
    better follows from its name where ``rule`` does not say.

    Raises:
        ConfigError: if it does not follow.
    """

    def _init_rule(self, rules, key_indicators) -> None:
        rules = rules * len(key_indicators) if len(rules) == 1 else rules
        rules = [rule or (None if key == 'auto' else better(key))
                 for rule, key in zip(rules, key_indicators, strict=True)]
        try:
            super()._init_rule(rules, key_indicators)
        except ValueError as error:
            raise ConfigError(
                f'whether more of {" or ".join(key_indicators)} is better is not known: set '
                'default_hooks.checkpoint.rule to greater or less') from error

    def check_scores(self, scores: Mapping[str, Any]) -> None:
        """Refuse, before the training, a ``save_best`` that no validation will give.

        Raises:
            ConfigError: if it is none of the scores, or nothing tells which of them is meant.
        """
        if not self.save_best or not scores:
            return
        for key in self.key_indicators:
            if key == 'auto':
                self._chosen(scores)
            elif key not in scores:
                near = get_close_matches(key, scores, n=3, cutoff=0.3) or list(scores)[:3]
                raise ConfigError(f'default_hooks.checkpoint.save_best names {key!r}, which the '
                                  f'validation does not give; it gives {", ".join(near)} ...')

    def _chosen(self, scores: Mapping[str, Any]) -> str:
        chosen = main_score(scores, self.rules[0] is not None)
        if chosen is None:
            raise ConfigError(
                "default_hooks.checkpoint.save_best='auto' finds no score of which it is known "
                f'whether more is better; name one of {", ".join(list(scores)[:5])} and set rule')
        return chosen

    def before_train(self, runner) -> None:
        """Choose where and how checkpoints are written."""
        noted = runner.message_hub.runtime_info
        if 'keep_ckpt_ids' in noted:  # numbers that become file names
            noted['keep_ckpt_ids'] = [step for step in noted['keep_ckpt_ids']
                                      if isinstance(step, int)]
        super().before_train(runner)
        if type(self.file_backend) is LocalBackend:
            self.backend_args = {'backend': 'atomic_file_backend'}
            self.file_backend = get_file_backend(backend_args=self.backend_args)
        self._outdated: list[str] = []
        self._remove_now = self.file_backend.remove
        self.file_backend.remove = self._outdated.append
        remove_folder = self.file_backend.rmtree
        self.file_backend.rmtree = lambda path: self._is_own(path) and remove_folder(path)

    def before_save_checkpoint(self, runner, checkpoint: dict) -> None:
        """Leave functions out of the state of schedules; their configs tell them again.

        The state of mmengine's one-cycle schedules holds their annealing function,
        which the safe loader refuses.
        """
        schedules = checkpoint.get('param_schedulers', [])
        groups = schedules.values() if isinstance(schedules, dict) else [schedules]
        for state in itertools.chain.from_iterable(groups):
            for name in [name for name, value in state.items() if callable(value)]:
                del state[name]

    def _save_checkpoint_with_step(self, runner, step: int, meta: dict) -> None:
        super()._save_checkpoint_with_step(runner, step, meta)
        self._remove_outdated()

    def _save_best_checkpoint(self, runner, metrics: dict) -> None:
        if self.save_best and 'auto' in self.key_indicators and metrics:
            chosen = self._chosen(metrics)
            runner.logger.info(f'The best checkpoint is that of {chosen} (save_best: auto)')
            metrics = {chosen: metrics[chosen], **metrics}  # mmengine takes the first
        super()._save_best_checkpoint(runner, metrics)
        self._remove_outdated()

    def _is_own(self, path: str) -> bool:
        folder = Path(self.out_dir).resolve()
        return '://' in str(path) or folder in Path(path).resolve().parents

    def _remove_outdated(self) -> None:
        best = getattr(self, 'best_ckpt_path_dict', {None: getattr(self, 'best_ckpt_path', None)})
        kept = {self.last_ckpt, *best.values()}
        for path in set(self._outdated) - kept:  # after a resume the new one may have its name
            if self._is_own(path) and self.file_backend.isfile(path):
                self._remove_now(path)
        self._outdated.clear()

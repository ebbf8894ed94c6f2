"""Checkpoints that are whole or not there."""
from __future__ import annotations

import itertools
from pathlib import Path

from mmdet3d.registry import HOOKS
from mmengine.fileio import LocalBackend, get_file_backend, register_backend
from mmengine.hooks import CheckpointHook

from sparse3d.atomic_files import write_bytes_atomically


class WholeFileBackend(LocalBackend):
    """mmengine's local files, but a file is replaced as a whole or stays as it was."""

    def put(self, obj: bytes, filepath: str | Path) -> None:
        """Write ``obj`` to a temporary file, then rename it to ``filepath``.

        Raises:
            DataError: if it cannot be written, for instance because the disk is full.
        """
        Path(filepath).parent.mkdir(parents=True, exist_ok=True)
        write_bytes_atomically(filepath, obj)


register_backend('whole_file', WholeFileBackend, force=True)


@HOOKS.register_module()
class WholeCheckpointHook(CheckpointHook):
    """mmengine's checkpoint hook, safe against being killed, a full disk and hostile resumes.

    A checkpoint takes its name only once it is wholly written, and outdated ones
    are removed only after that, so that there is always one to resume from. What is
    stored can be read by PyTorch's safe loader. A checkpoint that is resumed names outdated
    files; only those in the folder of this training are removed. Takes the arguments of
    ``mmengine.hooks.CheckpointHook``.
    """

    def before_train(self, runner) -> None:
        """Choose where and how checkpoints are written."""
        noted = runner.message_hub.runtime_info
        if 'keep_ckpt_ids' in noted:  # numbers that become file names
            noted['keep_ckpt_ids'] = [step for step in noted['keep_ckpt_ids']
                                      if isinstance(step, int)]
        super().before_train(runner)
        if type(self.file_backend) is LocalBackend:
            self.backend_args = {'backend': 'whole_file'}
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

"""Run one script of tests/field and write down what the verbs in it say (see reporters_table.py).

    python tests/support/reporters_listen.py SCRIPT OUT.json
"""
from __future__ import annotations

import functools
import importlib
import json
import logging
import re
import runpy
import subprocess
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOM = 'sparse3d.datasets.{0}.{1}:{2}_{0}'
# Verb -> functions (module:function or module:class.method) that are it.
VERBS = {
    'create-data': [*(ROOM.format(name, 'prepare.frames', 'prepare')
                      for name in ('kitti', 'nuscenes', 'custom')),
                    'sparse3d.datasets.waymo.prepare.preparation:prepare_waymo'],
    'check': [ROOM.format(name, 'check', 'check')
              for name in ('kitti', 'nuscenes', 'custom', 'waymo')],
    'create-data upgrade': ['sparse3d.preparation.info_upgrade:upgrade_info_file'],
    'train': ['sparse3d.apis.train:train'],
    'test': ['sparse3d.apis.test:test'],
    'visualize': ['sparse3d.apis.visualize:visualize'],
    'detect': ['sparse3d.apis.detect_files:detect_files'],
    'load_detector': ['sparse3d.apis.detector:load_detector'],
    'detector(...)': ['sparse3d.apis.detector:Detector.__call__'],
    'load_config': ['sparse3d.engine.load_config:load_config'],
    'Detections.read': ['sparse3d.structures.detections:Detections.read'],
    'Detections.of': ['sparse3d.structures.detections:Detections.of'],
    'read a cloud': ['sparse3d.transforms.cloud_files:read_cloud'],
    'read a picture': ['sparse3d.transforms.image_files:decode_image'],
    'read a calibration': ['sparse3d.datasets.kitti.prepare.text:read_calibration',
                           'sparse3d.datasets.custom.prepare.files:read_calibration'],
    'open a checkpoint': ['sparse3d.checkpoints.open:open_checkpoint'],
    'read an info file': ['sparse3d.transforms.info_files:read_info_file'],
    'read a sample': ['mmengine.dataset:BaseDataset.__getitem__'],
}
TELLING = re.compile(r'PROBLEM|left out|passed over|not |no |lacks|unknown|without|skipped|damaged|'
                     r'cut|ready')
FOLDER = re.compile(r'(?<![\w.])(?:[A-Za-z]:)?/(?:[^\s/:;,\'"()]+/)+')
LONGEST = 900  # characters of a sentence: all are whole
PLACE = re.compile(r'\b(?:tmp\w{6,}|tiny_\w+)\b')


def clean(text: str) -> str:
    """One line without folders, colors, and what differs from run to run."""
    text = re.sub(r'\x1b\[[0-9;]*m', '', text)
    text = re.sub(r'\b(grew by|in) \d[\d.]* (MiB|s|seconds)\b', r'\1 … \2', text)
    text = FOLDER.sub('…/', ' '.join(text.split()))
    text = PLACE.sub('…', re.sub(r'…/(?:tmp\w{6,}|tiny_\w+)', '…', text))
    return text if len(text) <= LONGEST else text[:LONGEST].rpartition(' ')[0] + ' …'


class Listener:
    """Notes what is said while verbs run; the outermost one counts."""

    def __init__(self) -> None:
        self.rows: list[tuple[str, str]] = []
        self.active: list[str] = []

    def note(self, text: str, verb: str | None = None) -> None:
        """Note a sentence of the verb that runs."""
        if text.strip():
            self.rows.append((verb or (self.active[0] if self.active else 'Python call'),
                              clean(text)))

    def wrapped(self, function: Callable, verb: str) -> Callable:
        """The function, listened to."""
        @functools.wraps(function)
        def listening(*args: Any, **kwargs: Any) -> Any:
            from sparse3d.errors import Sparse3DError
            name = f'{verb} --dry-run' if kwargs.get('dry_run') else verb
            self.active.append(name)
            try:
                result = function(*args, **kwargs)
            except Sparse3DError as error:
                if len(self.active) == 1:
                    self.note(f'error: {error}')
                raise
            else:
                if len(self.active) == 1:
                    self._note_result(name, result)
                return result
            finally:
                self.active.pop()
        return listening

    def _note_result(self, verb: str, result: Any) -> None:
        if hasattr(result, 'problems'):
            for line in result.problems:
                self.note(f'PROBLEM {line}')
        elif verb.startswith(('create-data', 'train --dry-run')):
            for line in str(result).splitlines():
                if TELLING.search(line):
                    self.note(line)

    def command(self, run: Callable) -> Callable:
        """``subprocess.run``; the commands of this repository are verbs."""
        @functools.wraps(run)
        def listening(command: Any, *args: Any, **kwargs: Any) -> Any:
            done = run(command, *args, **kwargs)
            words = [str(word) for word in command] if isinstance(command, list) else []
            tool = next((Path(word).stem for word in words if '/tools/' in word), None)
            if tool is not None and isinstance(done.stdout, str):
                text = f'{done.stdout}\n{done.stderr or ""}'
                lines = [line for line in text.splitlines()
                         if re.match(r'error:|usage:', line) or 'PROBLEM' in line
                         or 'left out' in line]
                for line in lines[:2]:
                    self.note(line, tool.replace('_', '-'))
            return done
        return listening


def listen(listener: Listener) -> None:
    """Put listeners in the place of all verbs, wherever they were imported to."""
    import sparse3d.register  # noqa: F401
    from sparse3d.errors import Sparse3DError, Sparse3DWarning
    for verb, places in VERBS.items():
        for place in places:
            module, _, path = place.partition(':')
            owner: Any = importlib.import_module(module)
            *way, name = path.split('.')
            for step in way:
                owner = getattr(owner, step)
            found = vars(owner)[name]
            function = found.__func__ if isinstance(found, classmethod) else found
            made = listener.wrapped(function, verb)
            setattr(owner, name, classmethod(made) if isinstance(found, classmethod) else made)
            for other in list(sys.modules.values()) if not way else ():
                if getattr(other, '__name__', '').startswith('sparse3d') \
                        and vars(other).get(name) is found:
                    setattr(other, name, made)
    plain = Sparse3DError.__init__

    def noting(self: Exception, *args: Any) -> None:
        plain(self, *args)
        if not listener.active and args:
            listener.note(f'error: {args[0]}')

    Sparse3DError.__init__ = noting
    warnings.simplefilter('always', Sparse3DWarning)
    warnings.showwarning = lambda message, kind, *_, **__: issubclass(kind, Sparse3DWarning) and \
        listener.note(f'warning: {message}')
    handle = logging.Logger.callHandlers

    def handling(self: logging.Logger, record: logging.LogRecord) -> None:
        if record.levelno >= logging.WARNING and self.name.startswith('mm'):
            listener.note(f'warning: {record.getMessage()}')
        handle(self, record)

    logging.Logger.callHandlers = handling
    subprocess.run = listener.command(subprocess.run)


def main() -> None:
    """Run the script; ends with its status."""
    script, out = sys.argv[1:]
    listener = Listener()
    listen(listener)
    sys.argv = [script]
    status: Any = 0
    try:
        runpy.run_path(script, run_name='__main__')
    except SystemExit as end:
        status = end.code
    Path(out).parent.mkdir(parents=True, exist_ok=True)
    Path(out).write_text(json.dumps(listener.rows))
    sys.exit(status)


if __name__ == '__main__':
    main()

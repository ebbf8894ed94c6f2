"""What all command lines share: errors as one sentence, and exit codes."""
from __future__ import annotations

import logging
import sys
import warnings
from collections.abc import Callable

from sparse3d.errors import Sparse3DError, Sparse3DWarning
from sparse3d.parallel.progress import heartbeat

USER_ERROR = 2
INTERRUPTED = 130
QUIET_PACKAGES = ('spconv', 'mmengine', 'mmdet', 'mmdet3d')
QUIET_LOGGERS = ('torch.fx._symbolic_trace',)  # a notice about a function that torch calls itself


def run_command(command: Callable[[], object]) -> int:
    """Call ``command`` and return the exit code of the process.

    That is what ``command`` returns, if it is a number (a check that finds something gives 1),
    else 0.

    While it runs a line is printed at least every ten seconds (``sparse3d.parallel.progress``).

    Warnings about the insides of the installed stack are not shown: a user can do
    nothing about them. Our own are one sentence each.

    An error that Sparse3D raises on purpose becomes one sentence on standard error
    and code 2; anything else keeps its traceback, for it is a defect to report.
    """
    for package in QUIET_PACKAGES:
        warnings.filterwarnings('ignore', module=rf'{package}(\.|$)')
    for name in QUIET_LOGGERS:
        logging.getLogger(name).setLevel(logging.ERROR)
    warnings.formatwarning = _sentence(warnings.formatwarning)
    try:
        with heartbeat():
            code = command()
    except Sparse3DError as error:
        print(f'error: {error}', file=sys.stderr, flush=True)
        return USER_ERROR
    except KeyboardInterrupt:
        print('interrupted', file=sys.stderr, flush=True)
        return INTERRUPTED
    return code if isinstance(code, int) else 0


def _sentence(otherwise: Callable[..., str]) -> Callable[..., str]:
    """How warnings are written: ours without the line of code that gave them."""
    def written(message: object, category: type[Warning], *where: object) -> str:
        if issubclass(category, Sparse3DWarning):
            return f'warning: {message}\n'
        return otherwise(message, category, *where)
    return written

"""`sparse3d VERB ...`: the command line. Parsing it loads nothing of the heavy stack.

A verb is a module here with `EXAMPLES` (or `examples()`), `add_arguments(parser)` and
`run(arguments)`; its docstring is what `--help` says. What it takes as `config`, or names in
`configs(arguments)`, is looked up first. What a verb imports it imports in `run`. The tools of a
source tree (`tools/train.py`) start the same modules. This package is apart from `sparse3d`, so
that it can say when the `sparse3d` that Python imports is somebody else's.
"""
from __future__ import annotations

import sys
from collections.abc import Sequence
from difflib import get_close_matches

from sparse3d_cli.start import USER_ERROR, start_verb

# Verb -> what it does, in half a sentence; its module is named as it is, with underscores.
VERBS: dict[str, str] = {
    'simulate': 'simulate labeled drives in the layout of a data set',
    'create-data': 'prepare a data set: raw files to info files and an object database',
    'check': 'look for problems in a prepared data set',
    'pretrain': "learn a detector's encoder from drives without labels",
    'train': 'train a detector from its config',
    'test': 'evaluate a checkpoint on the test set of its config',
    'detect': 'detect objects in point clouds or recorded drives of your own',
    'recording': 'what a recorded drive (MCAP, ROS 2 bag) holds, topic by topic',
    'zero-shot': 'judge a detector on labeled frames of data sets that it never saw',
    'track': 'follow stored detections over the frames: tracks with ids',
    'visualize': 'draw points, ground truth and detections',
    'view': 'look at a data set and detections live in the browser',
    'analyze': 'take an evaluation apart, as one HTML report',
    'compare': 'train and test several configs over several seeds, for one table',
    'search-sparsity': 'search the ratios of windows that an image backbone leaves out',
    'convert-checkpoint': 'turn a published checkpoint into one of Sparse3D',
    'export': 'write a detector as graphs for inference engines (ONNX), verified',
    'prune': 'set weights of a trained model to zero and say what it saves',
    'publish': 'write a model as a folder for a hub: safetensors, config, model card',
    'benchmark': 'measure operators against what they replace',
    'demo': 'the whole way once: simulate, train, evaluate, draw',
    'list': 'what is installed: configs, modules, plug-ins, data sets, pictures, exporters, ...',
    'doctor': 'what works on this machine, with remedies',
    'gpu-check': 'check everything on a GPU, for a file to send back',
}


def main(arguments: Sequence[str] | None = None, command: str = 'sparse3d') -> int:
    """What the console script and `python -m sparse3d` run.

    Args:
        arguments: by default those of the command line.
        command: how the user started it, for `--help`.

    Returns:
        The exit status of the process: 2 after an error that the user can mend.
    """
    given = sys.argv[1:] if arguments is None else arguments
    verb, *rest = given or ['--help']  # not list(...): the verb of that name is a module here
    if verb in ('-h', '--help'):
        print(_overview(command))
        return 0
    if verb == '--version':
        from sparse3d.version import __version__
        print(__version__)
        return 0
    if verb not in VERBS:
        near = get_close_matches(verb, VERBS, n=1)
        hint = f'; did you mean {near[0]!r}?' if near else ''
        print(f'error: there is no verb {verb!r}{hint} ({command} --help lists them)',
              file=sys.stderr)
        return USER_ERROR
    return start_verb(verb, rest, f'{command} {{verb}}')


def tool(verb: str) -> int:
    """What a file of `tools/` in a source tree runs."""
    return start_verb(verb, sys.argv[1:], 'python tools/{file}.py')


def _overview(command: str) -> str:
    width = max(map(len, VERBS)) + 2
    lines = [f'  {verb:{width}s}{summary}' for verb, summary in VERBS.items()]
    return '\n'.join([f'usage: {command} VERB ...', '', 'One home for sparse 3D perception.', '',
                      'verbs:', *lines, '', f'{command} VERB --help tells more, with examples.'])

"""Run the graphs of this folder on their samples and compare with what PyTorch gave.

    python verify.py

A graph of standard operators needs numpy and onnxruntime; one with sparse convolutions needs onnx
as well. Neither torch nor Sparse3D is used. The exit status is 1 if a file or an output is not as
``export.json`` says.
"""
import hashlib
import importlib.util
import json
import sys
from pathlib import Path

import numpy as np


class Different(Exception):
    """An output, or a file, that is not as it should be."""


def check_folder(folder):
    """Largest difference of each graph in each of its cases: [(file, case, difference)].

    Raises:
        Different: for the first thing that is not as it should be.
    """
    folder = Path(folder)
    about = json.loads((folder / 'export.json').read_text())
    check_files(folder, about)
    compared = []
    for graph in about['graphs']:
        run = runner(folder, graph)
        with np.load(folder / graph['samples']) as samples:
            for case in graph['cases']:
                compared.append((graph['file'], case['name'],
                                 check_case(run, graph, case, samples)))
    return compared


def check_files(folder, about):
    """Raise Different for a file that is not the one that was written."""
    for name, expected in about['sha256'].items():
        if hashlib.sha256((folder / name).read_bytes()).hexdigest() != expected:
            raise Different(f'{name} is not the file that was exported (sha256)')


def lines_of(compared):
    """The same as lines to read."""
    return [f'{file}, {case}: differs from PyTorch by {largest:.1e} at most'
            for file, case, largest in compared]


def check_case(run, graph, case, samples):
    """The largest difference of the outputs of one sample."""
    largest = 0.0
    for name, (apart, scale) in differences(run, graph, case, samples).items():
        if not apart <= graph['tolerance'] * scale:
            raise Different(f'{graph["file"]}, {case["name"]}: {name} differs from PyTorch by '
                            f'{apart:.2g}, more than {graph["tolerance"]:g} of {scale:.3g}')
        largest = max(largest, apart)
    return largest


def differences(run, graph, case, samples):
    """By output the largest difference, and the largest value that it is measured by."""
    found, expected = run(inputs_of(graph, case, samples)), {
        name: samples[f'{case["name"]}/out/{name}'] for name in case['compared']}
    rows_by = graph['rows_by']
    if rows_by is not None and set(case['compared']) & set(rows_by['outputs']):
        found, expected = on_common_rows(found, expected, rows_by, f'{graph["file"]}, '
                                                                   f'{case["name"]}')
    return {name: (difference(found[name], expected[name], name, graph['periods'].get(name),
                              expected),
                   max(1.0, float(np.abs(expected[name]).max(initial=0))))
            for name in case['compared']}


def inputs_of(graph, case, samples):
    """What the graph is run on, by name."""
    inputs = {name: samples[f'{case["name"]}/in/{name}'] for name in graph['inputs']}
    for name, copies in case['copies'].items():
        inputs[name] = np.concatenate([inputs[name]] * copies)
    return inputs


def on_common_rows(found, expected, rows_by, where):
    """Both with the rows that both have, in one order: of equally high peaks either may be kept."""
    key, rowed, share = rows_by['key'], rows_by['outputs'], rows_by['share']
    mine, theirs = found[key].reshape(-1), expected[key].reshape(-1)
    common, at_mine, at_theirs = np.intersect1d(mine, theirs, return_indices=True)
    if len(common) < share * len(theirs):
        raise Different(f'{where}: {len(common)} of {len(theirs)} {key} are those of PyTorch')
    return ({name: value[at_mine] if name in rowed else value for name, value in found.items()},
            {name: value[at_theirs] if name in rowed else value
             for name, value in expected.items()})


def difference(found, expected, name, period=None, outputs=None):
    """Largest difference; an angle is the same a period further.

    Where the angle is that of a vector in another output, it counts as much as the vector is long:
    that of a vector of nearly nothing hangs on the last bits.
    """
    if found.shape != expected.shape:
        raise Different(f'{name} has the shape {list(found.shape)}, with PyTorch '
                        f'{list(expected.shape)}')
    if not np.isfinite(found).all() and np.isfinite(expected).all():
        raise Different(f'{name} is not finite, with PyTorch it is')
    apart = np.abs(found.astype(np.float64) - expected.astype(np.float64))
    if period is not None:
        column, length, vectors = period
        turned = apart[..., column] % length
        apart[..., column] = np.minimum(turned, length - turned)
        if vectors is not None:
            apart[..., column] *= np.minimum(1, np.linalg.norm(outputs[vectors], axis=-1))
    return float(apart.max(initial=0))


def runner(folder, graph):
    """A function from inputs to outputs by name."""
    if graph['domains']:
        return by_reference(folder, graph)
    import onnxruntime
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3  # what it cannot fold in float16 is no matter of the reader's
    session = onnxruntime.InferenceSession(str(folder / graph['file']), options,
                                           providers=['CPUExecutionProvider'])
    names = [value.name for value in session.get_outputs()]
    return lambda inputs: dict(zip(names, session.run(names, inputs), strict=True))


def by_reference(folder, graph):
    """The same for operators that ONNX Runtime does not have."""
    import onnx
    from onnx.reference import ReferenceEvaluator
    spec = importlib.util.spec_from_file_location('reference_operators',
                                                  folder / 'reference_operators.py')
    operators = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(operators)
    evaluator = ReferenceEvaluator(onnx.load(folder / graph['file']),
                                   new_ops=operators.OPERATORS)
    names = evaluator.output_names
    return lambda inputs: dict(zip(names, evaluator.run(None, inputs), strict=True))


def main():
    """Check the folder of this file."""
    try:
        print('\n'.join(lines_of(check_folder(Path(__file__).parent))))
    except Different as error:
        sys.exit(f'error: {error}')


if __name__ == '__main__':
    main()

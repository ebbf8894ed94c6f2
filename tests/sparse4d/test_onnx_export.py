"""Two exported graphs, one after the other, equal the detector over ten frames."""
from __future__ import annotations

import numpy as np
import pytest
import torch

from sparse3d.deploy.export import export
from sparse3d.deploy.export_folder import refuse_uncovered, write_folder
from sparse3d.engine.load_config import load_config
from sparse3d.errors import ConfigError
from sparse4d.deployable import CACHE, DeployableSparse4D
from sparse4d.onnx_export import (
    COVERED,
    detector_answer,
    drawn_frames,
    graphs_on,
    image_size_of,
    padded_size,
)

SIZE, PADDED = (30, 64), (32, 64)


@pytest.fixture(scope='module')
def packages():
    for name in ('onnx', 'onnxruntime', 'onnxscript'):
        pytest.importorskip(name, reason=f'{name} is not installed (extra: export)')


def runner(path):
    import onnxruntime
    session = onnxruntime.InferenceSession(path.read_bytes())
    names = [output.name for output in session.get_outputs()]
    return lambda inputs: dict(zip(names, session.run(names, inputs), strict=True))


@pytest.mark.slow
def test_the_graphs_go_on_by_themselves(packages, recurrent_detector, tmp_path, frames=10):
    """What one frame's graph gives goes into the next; identities follow from the rows."""
    detector = recurrent_detector(published=dict(swapped_yaw=True), layers=2)
    report = write_folder(detector, graphs_on(detector, SIZE, frames), tmp_path / 'out')
    assert len(report.compared) == frames  # each is compared by itself too
    first, later = report.graphs
    assert [first['file'], later['file']] == ['first_frame.onnx', 'next_frame.onnx']
    shapes = {name: about['shape'] for name, about in later['inputs'].items()}
    assert shapes['before_features'] == [16, 32] and shapes['images'] == [6, 3, 30, 64]
    assert {'GridSample', 'TopK', 'Conv'} <= set(later['operators'])
    graphs = [runner(report.path / graph['file']) for graph in report.graphs]
    answer = detector_answer(detector, PADDED)
    before, ids, next_id = {}, np.zeros(0, np.int64), 0
    for number, given in enumerate(drawn_frames(detector, SIZE, frames)):
        expected = answer(given)
        found = graphs[min(number, 1)](
            {**{name: value.numpy() for name, value in given.items()}, **before})
        np.testing.assert_array_equal(found['cache_rows'], expected['cache_rows'])
        for name in ('logits', 'anchors', 'quality', 'cache_confidence'):
            away = np.abs(found[name] - expected[name].numpy())
            # Rounding adds up from frame to frame, where weights are drawn.
            assert away.max() < 5e-2 and away.mean() < 5e-3
        before = {f'before_{name}': found[f'cache_{name}'] for name in CACHE}
        new = np.arange(next_id, next_id + 24 - len(ids))
        next_id += len(new)
        ids = np.concatenate([ids, new])[found['cache_rows']]
    assert next_id == 24 + (frames - 1) * 8 and len(set(ids.tolist())) == 16


@pytest.mark.parametrize('published', [{}, dict(constant_interval=True)], ids=['right', 'constant'])
@torch.no_grad()
def test_the_deployable_part_equals_the_detector(recurrent_detector, published):
    detector = recurrent_detector(published=published)
    models = [DeployableSparse4D(detector, PADDED, first) for first in (True, False)]
    answer = detector_answer(detector, PADDED)
    frames = list(drawn_frames(detector, SIZE, 4))
    answers = [answer(given) for given in frames]
    for number, given in enumerate(frames):
        found = models[min(number, 1)](given)
        assert found.keys() == answers[number].keys()
        for name, value in found.items():
            torch.testing.assert_close(value, answers[number][name], rtol=1e-3, atol=1e-3)
    for name in CACHE:  # what the drive itself kept, its matrices of lost cameras not zero
        torch.testing.assert_close(answers[2][f'cache_{name}'], frames[3][f'before_{name}'],
                                   rtol=1e-3, atol=1e-3)
    assert (answers[1]['logits'] - answers[0]['logits']).abs().max() > 1e-3
    assert not frames[2]['valid'].all() and frames[1]['valid'].all()
    assert detector.bbox_head.layers[0].aggregation.backend == 'auto'  # it is left as it is


def test_what_cannot_be_exported_is_named(packages, recurrent_detector, tmp_path):
    with pytest.raises(ConfigError, match='cameras alone'):
        export('sparse4d_v3_r50_nuscenes', None, tmp_path / 'x', ['cloud.bin'])
    for name, words in (('sparse4d_v1_r101_nuscenes', 'feature maps of past frames'),
                        ('sparse4d_single_frame_simulated_nuscenes', 'carries nothing over')):
        with pytest.raises(ConfigError, match=f'{name} cannot be exported: it.*{words}'):
            export(name, None, tmp_path / 'x')
    with pytest.raises(ConfigError, match='not a Linear'):
        graphs_on(torch.nn.Linear(1, 1), SIZE)
    with pytest.raises(ConfigError, match='a Sparse4DFramesHead that carries no instances over'):
        graphs_on(recurrent_detector('v1'), SIZE)
    assert not list(tmp_path.iterdir())


def test_all_but_the_depths_of_the_training_is_covered(build_detector, monkeypatch):
    detector = build_detector(data_preprocessor=dict(
        type='VideoPreprocessor', mean=[100.0] * 3, std=[60.0] * 3)).eval()
    monkeypatch.setattr('sparse4d.onnx_export.to_onnx', lambda *_: b'')
    refuse_uncovered(detector, graphs_on(detector, PADDED))
    others = {name.partition('.')[0] for name, _ in detector.named_parameters()
              if not name.startswith(COVERED)}
    assert others == {'depth_branch'}


def test_sizes_come_from_the_config(recurrent_detector):
    assert image_size_of(load_config('sparse4d_simulated_nuscenes')) == (96, 256)
    assert padded_size(recurrent_detector(), SIZE) == PADDED

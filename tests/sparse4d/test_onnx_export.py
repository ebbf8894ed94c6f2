"""Two exported graphs, one after the other, equal the detector over ten frames."""
from __future__ import annotations

import numpy as np
import pytest
import torch

from sparse3d.deploy.export import export
from sparse3d.errors import ConfigError, DataError
from sparse4d.deployable import DeployableSparse4D
from sparse4d.onnx_export import FRAMES, drawn_frames, export_detector

SIZE = (32, 64)


@pytest.fixture(scope='module')
def packages():
    for name in ('onnx', 'onnxruntime', 'onnxscript'):
        pytest.importorskip(name, reason=f'{name} is not installed (extra: export)')


@pytest.mark.slow
def test_the_graphs_go_on_by_themselves_for_ten_frames(packages, recurrent_detector, tmp_path):
    """What one frame's graph gives goes into the next; identities follow from the rows."""
    import onnxruntime
    detector = recurrent_detector(published=dict(swapped_yaw=True), layers=2)
    report = export_detector(detector, SIZE, tmp_path / 'decoder.onnx')
    assert len(report.differences) == FRAMES and max(report.differences.values()) < 1e-3
    assert report.first == tmp_path / 'decoder_first.onnx' and report.first.is_file()
    assert report.shapes['before_features'] == (1, 16, 32) and report.shapes['elapsed'] == (1,)
    assert 'GridSample' in report.operators and 'TopK' in report.operators
    assert any('over 10 frames' in sentence for sentence in report.sentences())
    sessions = [onnxruntime.InferenceSession(path.read_bytes()) for path in (
        report.first, report.path)]
    models = [DeployableSparse4D(detector.bbox_head, SIZE, first) for first in (True, False)]
    before, ids, next_id = {}, np.zeros(0, np.int64), 0
    for number, given in enumerate(drawn_frames(detector, models, SIZE)):
        with torch.no_grad():
            expected = models[min(number, 1)](given)
        own = {**{name: value.numpy() for name, value in given.items()}, **before}
        session = sessions[min(number, 1)]
        names = [output.name for output in session.get_outputs()]
        found = dict(zip(names, session.run(names, own), strict=True))
        np.testing.assert_array_equal(found['cache_rows'], expected['cache_rows'])
        for name in ('logits', 'anchors', 'quality', 'cache_confidence'):
            away = np.abs(found[name] - expected[name].numpy())
            # Rounding adds up from frame to frame, where weights are drawn.
            assert away.max() < 5e-2 and away.mean() < 5e-3
        before = {f'before_{name}': found[f'cache_{name}']
                  for name in ('features', 'anchors', 'confidence')}
        new = np.arange(next_id, next_id + 24 - len(ids))
        next_id += len(new)
        ids = np.concatenate([ids, new])[found['cache_rows'][0]]
    assert next_id == 24 + (FRAMES - 1) * 8 and len(set(ids.tolist())) == 16


def test_the_deployable_part_equals_the_head(recurrent_detector):
    detector = recurrent_detector()
    models = [DeployableSparse4D(detector.bbox_head, SIZE, first) for first in (True, False)]
    answers = [models[min(number, 1)](given)
               for number, given in enumerate(drawn_frames(detector, models, SIZE))]
    assert (answers[1]['logits'] - answers[0]['logits']).abs().max() > 1e-3
    assert detector.bbox_head.layers[0].aggregation.backend == 'auto'  # it is left as it is


@pytest.mark.slow
def test_what_cannot_be_exported_is_named(packages, recurrent_detector, tmp_path, monkeypatch):
    with pytest.raises(ConfigError, match='cameras alone'):
        export('sparse4d_v3_r50_nuscenes', None, tmp_path / 'x.onnx', ['cloud.bin'])
    with pytest.raises(ConfigError, match='not a Linear'):
        export_detector(torch.nn.Linear(1, 1), SIZE, tmp_path / 'x.onnx')
    with pytest.raises(ConfigError, match='a Sparse4DFramesHead that carries no instances over'):
        export_detector(recurrent_detector('v1'), SIZE, tmp_path / 'x.onnx')
    monkeypatch.setattr('sparse4d.onnx_export.OnnxComparison.difference', _differs)
    with pytest.raises(DataError, match='differ'):
        export_detector(recurrent_detector(layers=2), SIZE, tmp_path / 'x.onnx')
    assert not list(tmp_path.iterdir())


def _differs(*arguments) -> float:
    raise DataError('ONNX Runtime and PyTorch differ by 1 on frame 0; nothing was written')

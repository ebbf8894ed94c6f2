"""The benchmark of pruned encoders: its configs, and what it counts."""
from __future__ import annotations

import torch

from sparse3d.simulate.sweep import drawn_sweep
from sparse3d_benchmarks import pruned_encoder
from sparse3d_benchmarks.pruned_encoder import costs, encoder_of


def test_fewer_voxels_and_multiplications_with_less_kept():
    clouds = [drawn_sweep(0)[::8, :4].contiguous()]
    found = {name: costs(*encoder_of(pruned_encoder.CONFIGS[name], clouds))
             for name in ('plain', '70 % kept', '30 % kept')}
    operations = [found[name][1] for name in found]
    assert operations[0] > operations[1] > operations[2] > 0
    coarsest = [int(found[name][0].split()[-1].replace(',', '')) for name in found]
    assert coarsest[0] >= coarsest[1] >= coarsest[2] and coarsest[0] > coarsest[2]


def test_frames_without_a_folder_are_drawn(monkeypatch):
    monkeypatch.delenv(pruned_encoder.FOLDER, raising=False)
    monkeypatch.setattr(pruned_encoder, 'drawn_sweep', lambda seed: torch.full((3, 5), seed))
    clouds, source = pruned_encoder.frames()
    assert source == 'drawn sweeps' and [cloud[0, 0].item() for cloud in clouds] == [0, 1, 2, 3]


def test_counting_ends_with_the_block():
    before = pruned_encoder.spconv_cpu.sparse_convolution
    with pruned_encoder.counted() as total:
        assert pruned_encoder.pruned_convolution.sparse_convolution is not before
    assert total() == 0 and pruned_encoder.spconv_cpu.sparse_convolution is before
    assert pruned_encoder.pruned_convolution.sparse_convolution is before

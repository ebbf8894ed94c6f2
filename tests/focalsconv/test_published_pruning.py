"""Quirks of the released SPS-Conv are options of the pruning."""
from __future__ import annotations

from dataclasses import fields

from focalsconv.pruned_checkpoints import QUIRKS
from focalsconv.published_pruning import SPSConvPublished
from sparse3d.engine.load_config import load_config
from sparse3d.ops.pruning_options import PruningOptions


def test_each_quirk_reaches_the_pruning():
    assert {each.name for each in fields(SPSConvPublished)} == set(QUIRKS)
    for name in QUIRKS:
        config = load_config('spsconv_centerpoint_keep50_nuscenes',
                             {f'model.published.{name}': True})
        pruning = config.model.middle_encoder.pruning
        assert PruningOptions(**pruning).as_published and pruning[name]
        assert not any(pruning.get(other) for other in set(QUIRKS) - {name})
        assert 'published' not in config.model

"""docs/export.md names every graph of every plug-in, and everything that is not exported."""
from __future__ import annotations

from pathlib import Path

from sparse3d.plugins import plugins

PAGE = (Path(__file__).resolve().parents[2] / 'docs/export.md').read_text()
# Pattern of a contract -> the row of the page.
ROWS = {'*voxel_rcnn*': '| Voxel R-CNN, PV-RCNN', '*pv_rcnn*': '| Voxel R-CNN, PV-RCNN',
        'focalsconv_f_*': '| Focals Conv-F (`focalsconv_f_*`)',
        'sparsefusion_*': '| SparseFusion (`sparsefusion_*`)',
        'sparse4d_v1_*': '| Sparse4D v1 (`sparse4d_v1_*`)',
        'sparse4d_single_frame_*': '| Sparse4D without memory (`sparse4d_single_frame_*`)',
        '*cameras_only*': '| Sparse-Dense Fusion without points (`*cameras_only*`)',
        '*object_seeking*': '| patches with objects (`*object_seeking*`)',
        'hednet_*': '| HEDNet, SAFDNet (`safdnet`)', 'safdnet_*': '| HEDNet, SAFDNet (`safdnet`)',
        'spsconv_*': '| SPS-Conv (`spsconv_*`', '*': '| VoxelKP'}


def test_every_graph_and_every_gap_has_its_row():
    for owner in plugins().values():
        for graphs in owner.exports.values():
            assert f'`{owner.name}`' in PAGE, owner.name
            for graph in graphs:
                assert f'`{graph.name}`' in PAGE, graph.name
        for pattern in owner.not_exported:
            assert ROWS[pattern] in PAGE, pattern

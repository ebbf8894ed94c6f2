"""What the released SparseBEV does otherwise, for its weights."""
from __future__ import annotations

from dataclasses import dataclass

from sparse3d.published import PublishedSet, quirk

HEAD = 'model.bbox_head'
FRAMES = 'dataloader.dataset.frames'


@dataclass(frozen=True)
class SparseBEVPublished(PublishedSet):
    """Quirks of the released SparseBEV; all off for a new training."""

    scale_order: bool = quirk(
        False, 'frame t, group g use the scale weights of group (tG + g) // T',
        'each group its own', was={f'{HEAD}.published_scale_order': True})
    view_choice: bool = quirk(
        False, 'first camera that sees a point; camera 0 if none does',
        'the camera that sees it deepest inside; none: zeros',
        was={f'{HEAD}.published_view_choice': True})
    alignment: bool = quirk(
        False, 'x / W times (w - 1): up to half a cell off', 'the cell under the pixel',
        was={f'{HEAD}.published_alignment': True})
    attend_empty_slots: bool = quirk(
        False, 'padding of the denoising queries is attended',
        "it is not: a sample's loss does not depend on its neighbors",
        was={f'{HEAD}.published_attend_empty_slots': True})
    rotary_resize: bool = quirk(
        False, 'EVA-02: cosine and sine interpolated like images', 'computed for the grid',
        was={'model.backbone.net.published_rotary_resize': True},
        switches={'model.backbone.net.positions.resize_rotary_tables': True})
    future_across_scenes: bool = quirk(
        False, 'in testing the end of a scene sees the next scene', 'it stops',
        was={f'{split}_{FRAMES}.published_future_across_scenes': True for split in ('val', 'test')},
        switches={f'{split}_{FRAMES}.across_scenes': True for split in ('val', 'test')})
    code_weights: tuple[float, ...] | None = quirk(
        None, 'weights of the ten numbers of a box, where a file has others than (2, 2, 1, ...)',
        'those of the config', was={f'{HEAD}.code_weights': ...})

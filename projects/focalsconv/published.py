"""What the released Focals Conv does otherwise, for its weights."""
from __future__ import annotations

from dataclasses import dataclass

from sparse3d.published import PublishedSet, quirk

ENCODER = 'model.middle_encoder'
FUSION = f'{ENCODER}.image_fusion'


@dataclass(frozen=True)
class FocalsConvPublished(PublishedSet):
    """Quirks of the released Focals Conv; all off for a new training."""

    float32_keys: bool = quirk(
        False, 'KITTI: rounded sort keys leave copies of a voxel unmerged', 'exact keys',
        was={f'{ENCODER}.published_float32_keys': True})
    key_sizes: bool = quirk(
        False, "KITTI: the largest index is taken for the grid's size, keys of two voxels may be "
        'equal', "the grid's size", was={f'{ENCODER}.published_key_sizes': True})
    background_copies: bool = quirk(
        False, 'nuScenes: dilated voxels stay beside equal background voxels', 'they are merged',
        was={f'{ENCODER}.merge_background': False})
    skip_index_zero: bool = quirk(
        False, 'both: nothing dilates into the first cell of an axis', 'all cells are alike',
        was={f'{ENCODER}.published_skip_index_zero': True})
    corners: bool = quirk(
        False, 'both: a voxel stands at its lower corner, in the targets and in images',
        'at its center', was={f'{ENCODER}.published_corners': True})
    doubled_targets: bool = quirk(
        False, 'nuScenes: importance targets from unrotated boxes of twice the size',
        'from the boxes', was={f'{ENCODER}.importance_target': 'published_doubled'})
    truncation: bool = quirk(
        False, 'KITTI: pixels just left of and above the image are read', 'they are outside',
        was={f'{FUSION}.published_truncation': True})
    behind_camera: bool = quirk(
        False, 'KITTI: points behind the camera read pixels', 'they read none',
        was={f'{FUSION}.published_behind_camera': True})
    read_padding: bool = quirk(
        False, 'KITTI: voxels read the padding of smaller images', 'they do not',
        was={f'{FUSION}.published_padding': True})
    encode_padding: bool = quirk(
        False, 'both: padding is encoded as if it were a black image', 'it is zero',
        was={'model.image_encoder.published_padding': True})
    depth: bool = quirk(
        False, "KITTI: pixels are divided by the depth before the projection's own shift of it (up "
        'to 0.3 pixels at 10 m)', 'after it', was={f'{FUSION}.published_depth': True})
    skip_pixel_zero: bool = quirk(
        False, 'nuScenes: the first row and column of an image are never read', 'they are',
        was={f'{FUSION}.published_skip_pixel_zero': True})
    image_scale: float | None = quirk(
        None, 'nuScenes: pixels are rounded at full size, then scaled by so much',
        'rounded at the size of the image', was={f'{FUSION}.published_image_scale': ...})

"""Objects of other frames put into images: nearer ones in front of farther ones."""
from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np

from sparse3d.errors import ConfigError, DataError
from sparse3d.structures.image_rectangles import (
    NEAREST,
    clip_rectangles,
    project_rectangles,
    rectangle_areas,
    rectangle_ious,
)
from sparse3d.structures.projection import inside_image, project_points
from sparse3d.transforms.data_paths import path_inside
from sparse3d.transforms.image_files import decode_image
from sparse3d.transforms.point_files import read_bytes

LEAST_SHARE = 0.1   # of an object's rectangle in an image from which it has to be pasted
IN_FRONT = 0.5      # meters by which a point is nearer than a box, to stand before it
LEAST_POINTS = 5    # in a rectangle, to tell whether something stands before an object
BACKGROUND = -1


@dataclass
class CameraScene:
    """The images of a sample, and which pixel shows which object.

    Objects are numbered: first those of the sample, then those that are added.

    Attributes:
        names: camera of each view.
        images: (H, W, 3) of each view; replaced by :meth:`paint`, never written to.
        lidar2img: (V, 4, 4).
        boxes: (M, >=7) of all objects so far.
        points: (N, >=3) of the sample.
        valid: (V,) bool; nothing is pasted where an image is missing.
        rectangles: per view the (M, 4) rectangles of all objects so far, clipped to the image.
        own: number of objects that the sample had itself.
        owners: per view (H, W) int32 after :meth:`paint`, None where nothing was pasted.
    """
    names: list[str]
    images: list[np.ndarray]
    lidar2img: np.ndarray
    boxes: np.ndarray
    points: np.ndarray
    valid: np.ndarray
    rectangles: list[np.ndarray] = field(init=False)
    seen: list[np.ndarray] = field(init=False)  # per view (K, 3) u, v, depth of points in it
    own: int = field(init=False)
    owners: list[np.ndarray | None] = field(init=False)

    def __post_init__(self) -> None:
        self.own = len(self.boxes)
        self.owners = [None] * len(self.images)
        self.rectangles = [
            clip_rectangles(project_rectangles(self.boxes, matrix)[0], image.shape[:2])
            for matrix, image in zip(self.lidar2img, self.images, strict=True)]
        self.seen = [_project(self.points, matrix, image.shape[:2])[0]
                     for matrix, image in zip(self.lidar2img, self.images, strict=True)]

    def place(self, box: np.ndarray, crops: Sequence[Mapping], max_overlap: float,
              max_occlusion: float = 1.0) -> dict[int, tuple[Mapping, np.ndarray]] | None:
        """Where an object would be seen, by view: its crop and the rectangle it has to fill.

        Returns:
            None if it cannot be shown as it should: there is no crop for a camera that would
            see it, it overlaps another object's rectangle too much, or more than a share
            ``max_occlusion`` of the sample's points in its rectangle stand before it.
        """
        crop_of = {crop['camera']: crop for crop in crops}
        placed = {}
        for view, (name, image) in enumerate(zip(self.names, self.images, strict=True)):
            if not self.valid[view]:
                continue
            rectangles, complete = project_rectangles(box[None], self.lidar2img[view])
            clipped = clip_rectangles(rectangles, image.shape[:2])
            area = rectangle_areas(clipped)[0]
            if area <= 0:
                continue
            if not complete[0]:
                return None
            if area < LEAST_SHARE * rectangle_areas(rectangles)[0] and name not in crop_of:
                continue
            overlaps = rectangle_ious(clipped, self.rectangles[view])
            if (name not in crop_of or overlaps.max(initial=0) >= max_overlap
                    or self._occlusion(view, clipped[0], box) > max_occlusion):
                return None
            placed[view] = crop_of[name], rectangles[0]
        return placed

    def _occlusion(self, view: int, rectangle: np.ndarray, box: np.ndarray) -> float:
        """Share of the points in a rectangle that are nearer than a box."""
        u, v, depth = self.seen[view].T
        radius = 0.5 * np.hypot(box[3], box[4])
        nearest = project_points(box[None, :3], self.lidar2img[view])[1][0] - radius - IN_FRONT
        inside = ((u >= rectangle[0]) & (u < rectangle[2])
                  & (v >= rectangle[1]) & (v < rectangle[3]))
        count = np.count_nonzero(inside)
        return np.count_nonzero(depth[inside] < nearest) / count if count >= LEAST_POINTS else 0.0

    def add(self, box: np.ndarray) -> None:
        """Take one more object into account."""
        self.boxes = np.concatenate([self.boxes, box[None, :self.boxes.shape[1]]])
        for view, image in enumerate(self.images):
            rectangle = project_rectangles(box[None], self.lidar2img[view])[0]
            self.rectangles[view] = np.concatenate(
                [self.rectangles[view], clip_rectangles(rectangle, image.shape[:2])])

    def paint(self, root: str | Path, placed: Sequence[dict[int, tuple[Mapping, np.ndarray]]],
              list_order: bool = False) -> None:
        """Paste the added objects; whatever stands before one is put before it.

        Args:
            root: folder that the crops' paths are relative to.
            placed: of each added object what :meth:`place` returned.
            list_order: the sample's own objects first, then the added ones as given, in place
                of far ones first.
        """
        for view in sorted({view for item in placed for view in item}):
            before = self.images[view]
            image, owner = before.copy(), np.full(before.shape[:2], BACKGROUND, dtype=np.int32)
            for number in self._order(view, list_order):
                if number < self.own:
                    left, top, right, bottom = _whole(self.rectangles[view][number])
                    image[top:bottom, left:right] = before[top:bottom, left:right]
                    owner[top:bottom, left:right] = number
                elif view in placed[number - self.own]:
                    _paste(root, image, owner, number, *placed[number - self.own][view])
            self.images[view], self.owners[view] = image, owner

    def contradicting_points(self, points: np.ndarray, numbers: np.ndarray) -> np.ndarray:
        """Whether points contradict the pixels they fall on, (N,) bool.

        An added object's point must fall on that object's pixels in every image that shows
        it; any other point must not fall on an added object's pixels.

        Args:
            points: (N, >=3) LiDAR frame.
            numbers: (N,) number of the added object, ``BACKGROUND`` for all other points.
        """
        contradicting_points = np.zeros(len(points), dtype=bool)
        for matrix, owner in zip(self.lidar2img, self.owners, strict=True):
            if owner is None:
                continue
            seen, rows = _project(points, matrix, owner.shape)
            u, v = seen[:, 0].astype(int), seen[:, 1].astype(int)
            shown = owner[np.minimum(v, owner.shape[0] - 1), np.minimum(u, owner.shape[1] - 1)]
            shown = np.where(shown < self.own, BACKGROUND, shown)
            contradicting_points[rows] |= shown != numbers[rows]
        return contradicting_points

    def _order(self, view: int, list_order: bool) -> np.ndarray:
        if list_order:
            return np.arange(len(self.boxes))
        centers = self.boxes[:, :3] + (0, 0, 0.5) * self.boxes[:, 3:6]
        _, depths = project_points(centers, self.lidar2img[view])
        return np.argsort(-depths, kind='stable')


def _project(points: np.ndarray, lidar2img: np.ndarray,
             size: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    """Points in front of a camera that fall into its image: (K, 3) u, v, depth, and rows (K,)."""
    pixels, depth = project_points(points[:, :3], lidar2img.astype(np.float32))
    rows = np.flatnonzero(inside_image(pixels, depth, size, NEAREST))
    return np.concatenate([pixels[rows], depth[rows, None]], axis=1), rows


def camera_scene(results: Mapping) -> CameraScene:
    """The images of a sample as loaded, before any augmentation.

    Raises:
        ConfigError: if there are no images, or they were augmented, or of several times.
    """
    if 'img' not in results or 'lidar2img' not in results:
        raise ConfigError('pasting objects into images needs img and lidar2img: load the images '
                          'before GroundTruthSampling, or leave out its images')
    if 'img_aug_matrix' in results or results.get('num_frames', 1) > 1:
        raise ConfigError('objects are pasted into the images of one time, before AugmentImages')
    images = results['img'] if isinstance(results['img'], list) else [results['img']]
    matrices = np.asarray(results['lidar2img'], dtype=np.float64).reshape(-1, 4, 4)
    names = results.get('view_names', ['CAM2'])
    return CameraScene(list(names), list(images), matrices,
                       results['gt_bboxes_3d'].tensor.numpy()[:, :7],
                       results['points'].tensor.numpy(),
                       np.asarray(results.get('image_valid', np.ones(len(images))), bool))


def _whole(rectangle: np.ndarray) -> list[int]:
    """A rectangle grown to whole pixels."""
    return [*np.floor(rectangle[:2]).astype(int).tolist(),
            *np.ceil(rectangle[2:]).astype(int).tolist()]


def _paste(root: str | Path, image: np.ndarray, owner: np.ndarray, number: int, crop: Mapping,
           rectangle: np.ndarray) -> None:
    """Stretch a crop such that its object's rectangle fills the given one, and paste it."""
    source, window = np.asarray(crop['rectangle']), np.asarray(crop['window'])
    pixels = _read_crop(root, crop)
    factor = (rectangle[2:] - rectangle[:2]) / (source[2:] - source[:2])
    corners = rectangle[:2] + (window.reshape(2, 2) - source[:2]) * factor
    (left, top), (right, bottom) = np.round(corners).astype(int).tolist()
    width, height = right - left, bottom - top
    if width < 1 or height < 1 or width * height > 4 * image.shape[0] * image.shape[1]:
        return  # too small to be seen, or absurdly stretched
    if (height, width) != pixels.shape[:2]:
        shrinks = width * height < pixels.shape[0] * pixels.shape[1]
        pixels = cv2.resize(pixels, (width, height),
                            interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR)
    low = max(top, 0), max(left, 0)
    high = min(bottom, image.shape[0]), min(right, image.shape[1])
    if low[0] >= high[0] or low[1] >= high[1]:
        return
    target = np.s_[low[0]:high[0], low[1]:high[1]]
    image[target] = pixels[low[0] - top:high[0] - top, low[1] - left:high[1] - left]
    owner[target] = number


def _read_crop(root: str | Path, crop: Mapping) -> np.ndarray:
    path = path_inside(root, crop['path'])
    pixels = decode_image(read_bytes(path), str(path))
    left, top, right, bottom = crop['window']
    if pixels.shape[:2] != (bottom - top, right - left):
        raise DataError(f'{path} is {pixels.shape[1]}x{pixels.shape[0]} pixels, its index says '
                        f'{right - left}x{bottom - top}; make the object images again')
    return pixels

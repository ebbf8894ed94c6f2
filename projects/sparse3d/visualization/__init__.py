"""Pictures of points, boxes and detections.

A name is imported when it is asked for, so that what registers formats loads no matplotlib;
open3d is imported only when a scene is rendered or shown.
"""
from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sparse3d.visualization.bev_view import draw_bev
    from sparse3d.visualization.camera_overlay import draw_camera_overlay
    from sparse3d.visualization.composed_view import compose, draw_composed
    from sparse3d.visualization.drive_video import VideoWriter, write_video
    from sparse3d.visualization.frame import Boxes, Frame, Picture
    from sparse3d.visualization.people_panels import draw_people
    from sparse3d.visualization.rerun_recording import write_recording
    from sparse3d.visualization.scene_3d import SceneRenderer, show_scene
    from sparse3d.visualization.scene_page import write_scene_page
    from sparse3d.visualization.style import Style

__all__ = ['Boxes', 'Frame', 'Picture', 'SceneRenderer', 'Style', 'VideoWriter', 'compose',
           'draw_bev', 'draw_camera_overlay', 'draw_composed', 'draw_people', 'show_scene',
           'write_recording', 'write_scene_page', 'write_video']
_HOMES = {
    'Boxes': 'frame', 'Frame': 'frame', 'Picture': 'frame', 'SceneRenderer': 'scene_3d',
    'Style': 'style', 'VideoWriter': 'drive_video', 'compose': 'composed_view',
    'draw_bev': 'bev_view', 'draw_camera_overlay': 'camera_overlay',
    'draw_composed': 'composed_view', 'draw_people': 'people_panels', 'show_scene': 'scene_3d',
    'write_recording': 'rerun_recording', 'write_scene_page': 'scene_page',
    'write_video': 'drive_video'}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f'module {__name__!r} has no attribute {name!r}')
    found = getattr(import_module(f'{__name__}.{_HOMES[name]}'), name)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})

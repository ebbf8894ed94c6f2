"""Pictures of points, boxes and detections.

open3d is imported only when a scene is rendered or shown.
"""
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

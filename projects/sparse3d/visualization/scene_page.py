"""Stub."""
def write_scene_page(frames, path, style=None):
    raise NotImplementedError

# The small SAFDNet with VoxelNeXt's head: on the map's own cells, heat around the nearest of them.
_base_ = ['safdnet_simulated_argoverse2.py']

model = dict(bbox_head=dict(branches=dict(dilate=False), targets=dict(around_nearest=True)))

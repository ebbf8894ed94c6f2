"""What the graph of a voxel detector takes and gives; text only, for contracts of plug-ins."""
from sparse3d.plugins import ExportedGraph

VOXELS = {'voxels': ('M', 'points', 'columns'), 'num_points': ('M', ),
          'coordinates': ('M', 4)}
# Names with a star are there for some heads: the directions of anchors, the cells and the heat map
# that queries come from.
BOXES = {'boxes': ('rows', 'code'), 'scores': ('rows', 'classes'), 'directions*': ('rows', 2),
         'turns*': ('rows', 2), 'cells*': ('rows', ),
         'heat*': ('classes', 'H', 'W')}

SPARSE_DETECTOR = ExportedGraph(
    name='detector', summary='voxels to boxes, sparse convolutions as nodes of Autoware',
    inputs=VOXELS, outputs=BOXES, dynamic=('M', ), domains=('autoware', ))
PILLAR_DETECTOR = ExportedGraph(
    name='pillar_detector', summary='pillars to boxes, in standard operators',
    inputs=VOXELS, outputs=BOXES, dynamic=('M', ))

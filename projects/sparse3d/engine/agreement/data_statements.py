"""What datasets and transforms state: frames, cameras, classes, ranges, columns."""
from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sparse3d.engine.agreement.statements import Reading, states
from sparse3d.engine.registered import find_registered

SWEEP_COLUMNS = 5  # of the files: x, y, z, intensity, ring


@states('Det3DDataset')
def dataset(config: Mapping[str, Any]) -> Reading:
    """Classes in label order; without ``metainfo`` those of the data set itself."""
    own = getattr(find_registered(str(config.get('type'))), 'METAINFO', None) or {}
    names = (config.get('metainfo') or {}).get('classes') or own.get('classes')
    yield 'data.classes', None if not names else list(names), 'metainfo.classes'


@states('LoadMultiViewImages', reads_files=True)
def images(config: Mapping[str, Any]) -> Reading:
    """Cameras by name."""
    yield 'data.cameras', list(config['cameras']), 'cameras'


@states('LoadPointFile', 'LoadPoints', reads_files=True)
def points(config: Mapping[str, Any]) -> Reading:
    """Columns of the file, and those that are kept."""
    yield 'data.file_columns', config['columns'], 'columns'
    use = config.get('use')
    yield 'data.columns', *((config['columns'], 'columns') if use is None else (len(use), 'use'))


@states('LoadXYZPoints')
def places_of_points(config: Mapping[str, Any]) -> Reading:
    """x, y, z of files of any columns."""
    yield 'data.columns', 3, 'type'


@states('LoadSweepPoints', reads_files=True)
def sweeps(config: Mapping[str, Any]) -> Reading:
    """Columns that are kept of merged sweeps."""
    yield 'data.file_columns', SWEEP_COLUMNS, 'sweeps'
    yield 'data.columns', len(config['use']), 'use'


@states('LoadPointsFromFile', 'LoadPointsFromMultiSweeps', reads_files=True)
def points_of_mmdet3d(config: Mapping[str, Any]) -> Reading:
    """Columns of mmdet3d's own loaders."""
    use = config['use_dim']
    yield 'data.file_columns', config['load_dim'], 'load_dim'
    yield 'data.columns', use if isinstance(use, int) else len(use), 'use_dim'


@states('GroundTruthSampling')
def sampled_objects(config: Mapping[str, Any]) -> Reading:
    """Labels and columns of pasted objects."""
    database = config['database']
    use = database.get('use')
    yield 'data.listed_classes', list(config['classes']), 'classes'
    yield ('data.pasted_columns', *((database['columns'], 'database.columns') if use is None
                                    else (len(use), 'database.use')))


@states('ObjectSample')
def sampled_objects_of_mmdet3d(config: Mapping[str, Any]) -> Reading:
    """The same of mmdet3d's own transform."""
    sampler = config.get('db_sampler') or {}
    use = (sampler.get('points_loader') or {}).get('use_dim')
    yield 'data.listed_classes', sampler.get('classes'), 'db_sampler.classes'
    yield ('data.pasted_columns', use if use is None or isinstance(use, int) else len(use),
           'db_sampler.points_loader.use_dim')


@states('PointsRangeFilter')
def points_range(config: Mapping[str, Any]) -> Reading:
    """Where points are kept."""
    yield 'data.points_range', list(config['point_cloud_range']), 'point_cloud_range'


@states('ObjectRangeFilter', 'KeepObjects')
def objects_range(config: Mapping[str, Any]) -> Reading:
    """Where objects are kept."""
    limits = config.get('point_cloud_range')
    yield 'data.objects_range', limits if limits is None else list(limits), 'point_cloud_range'


@states('ObjectNameFilter', 'KeepObjects')
def listed_classes(config: Mapping[str, Any]) -> Reading:
    """Classes whose objects are kept, by their places in the list."""
    names = config.get('classes')
    yield 'data.listed_classes', None if names is None else list(names), 'classes'

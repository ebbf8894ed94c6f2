"""The two contracts with what is installed beside the core: plug-ins and data sets.

A distribution offers a :class:`Plugin` or a :class:`DataSet` under an entry point of the group
``sparse3d.plugins`` or ``sparse3d.data_sets``. The core asks here who offers what; it names
nobody. A contract holds text only, ``'module:attribute'``, so that listing what is there imports
neither torch nor a model; :func:`load` imports the one thing that is asked for.
"""
from sparse3d.plugins.config_packages import (
    CONFIG_PACKAGE,
    config_file,
    config_files,
    config_folders,
    config_home,
)
from sparse3d.plugins.contracts import (
    DataSet,
    ExportedGraph,
    Exporter,
    ExportReport,
    PictureWriter,
    Plugin,
    PointValues,
    RenamedNames,
)
from sparse3d.plugins.installed import (
    DATA_SET_GROUP,
    NOTHING_INSTALLED,
    PLUGIN_GROUP,
    TAKEN_NAMES,
    Installed,
    data_set,
    data_sets,
    installed_data_sets,
    installed_plugins,
    near,
    plugin,
    plugins,
)
from sparse3d.plugins.offered import (
    examples_of,
    offer,
    offers,
    owner_of,
    plugin_of,
    plugins_of,
)
from sparse3d.plugins.references import (
    load,
    register,
    registered_attribute,
)

__all__ = [
    'CONFIG_PACKAGE',
    'DATA_SET_GROUP',
    'DataSet',
    'ExportedGraph',
    'ExportReport',
    'Exporter',
    'NOTHING_INSTALLED',
    'Installed',
    'PLUGIN_GROUP',
    'PictureWriter',
    'Plugin',
    'PointValues',
    'RenamedNames',
    'TAKEN_NAMES',
    'config_file',
    'config_files',
    'config_folders',
    'config_home',
    'data_set',
    'data_sets',
    'examples_of',
    'installed_data_sets',
    'installed_plugins',
    'load',
    'near',
    'offer',
    'offers',
    'owner_of',
    'plugin',
    'plugin_of',
    'plugins',
    'plugins_of',
    'register',
    'registered_attribute',
]

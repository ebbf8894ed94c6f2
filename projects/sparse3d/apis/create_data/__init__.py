"""The command line of data preparation: one file per data set, and one for the check."""
from sparse3d.apis.create_data.command import create_data

__all__ = ['create_data']

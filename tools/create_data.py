"""`sparse3d create-data` of a source tree; see projects/sparse3d_cli/create_data.py."""
import sys

from sparse3d_cli import tool

if __name__ == '__main__':
    sys.exit(tool('create-data'))

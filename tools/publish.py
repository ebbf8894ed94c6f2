"""`sparse3d publish` of a source tree; see projects/sparse3d_cli/publish.py."""
import sys

from sparse3d_cli import tool

if __name__ == '__main__':
    sys.exit(tool('publish'))

"""`python -m sparse3d VERB ...`: what one verb starts another with."""
import sys

from sparse3d_cli import main

if __name__ == '__main__':
    sys.exit(main(command='python -m sparse3d'))

"""Measured far-field peaks of a quartz sandstone, half a turn: pairs across the beam, sense, grains and their nulls.

    python -m bench.real_quartz DATA_FOLDER [PICTURE.png]

The peaks are another program's; nothing but their places, angles and intensities is used.
"""

import sys
from dataclasses import replace
from pathlib import Path

import matplotlib as mpl
import numpy as np

from friedel.index import IndexParams, index
from friedel.io.import_parameters import import_parameters
from friedel.match import MatchParams, match
from friedel.model.blobs import COLUMNS, BlobTable, Voxels
from friedel.model.crystal import Phase
from friedel.model.setup import Axis, SampleShape, Setup

"""All kinds of inputs by their names."""

from collections.abc import Mapping

from tests.fuzz.folders import Folders
from tests.fuzz.kind import Kind
from tests.fuzz.maps import Maps
from tests.fuzz.pages import Requests
from tests.fuzz.scans import Edfs, Hdf5Files, Hdf5Structures, Npys, Tiffs
from tests.fuzz.texts import AngleTexts, Cifs, Pars, Recipes, Settings

ALL: tuple[Kind, ...] = (
    Recipes(), Settings(), Cifs(), Pars(), AngleTexts(), Hdf5Files(), Hdf5Structures(), Edfs(), Tiffs(), Npys(),
    Folders(), Requests(), Maps(),
)  # fmt: skip
KINDS: Mapping[str, Kind] = {kind.name: kind for kind in ALL}

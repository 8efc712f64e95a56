"""The recipe: all parameters in the order of the pipeline, read from and written to TOML.

Raises `RecipeError` that names the key, the rule and the value.
"""

from friedel.recipe.phase import PhaseParams
from friedel.recipe.settings import Settings, apply_settings
from friedel.recipe.setup import DetectorParams, SampleParams, SetupParams
from friedel.recipe.whole import Recipe, RunParams, build_recipe, dump, load_recipe, relative_to

__all__ = [
    "DetectorParams",
    "PhaseParams",
    "Recipe",
    "RunParams",
    "SampleParams",
    "Settings",
    "SetupParams",
    "apply_settings",
    "build_recipe",
    "dump",
    "load_recipe",
    "relative_to",
]

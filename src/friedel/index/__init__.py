"""Index: which blobs are of one grain, where the grain is, and how its lattice stands.

Lines of pairs that cross at the lattice's angles suggest a crystal (Ludwig et al., Rev. Sci. Instrum. 80 (2009)
033905), which is fitted to all the spots it predicts and believed if it explains more of them than the same search
finds in the same blobs with scrambled omega.
"""

from collections.abc import Sequence

import numpy as np

from friedel.index.candidates import CandidateSearch, knows_sample
from friedel.index.grain_table import make_grain_table, no_grains, notes_about, why_no_grains, why_no_pairs
from friedel.index.left_overs import Found, search_left_overs
from friedel.index.null import Searched, candidates_beyond_chance, keep_beyond_chance, measure_null
from friedel.index.observations import make_lines, make_observations
from friedel.index.params import IndexParams
from friedel.index.refinement import Rounds, refine_with_parents
from friedel.index.single_seeds import candidates_of_single_spots
from friedel.index.sub_grains import join_sub_grains
from friedel.index.tolerances import measure_tolerances
from friedel.index.turned_seeds import candidates_by_turning
from friedel.model.blobs import BlobTable
from friedel.model.crystal import Phase
from friedel.model.grains import GrainTable
from friedel.model.pairs import PairTable
from friedel.model.setup import Setup
from friedel.model.stream import Executor, Serial, Watcher

__all__ = ["IndexParams", "index"]

SHORT = 0.5
"""Below this part of angles with their half turn recorded, single spots are seeds too."""


def index(
    blobs: BlobTable,
    pairs: PairTable,
    setup: Setup,
    phases: Sequence[Phase],
    params: IndexParams,
    *,
    executor: Executor | None = None,
    watcher: Watcher | None = None,
) -> GrainTable:
    """Find the grains: blobs, orientation, position of each.

    The table's `blobs` are rows of kept blobs (`spot3d_id`). Without pairs there are no grains, and a note says
    why. The same for any number of threads.
    """
    executor = executor or Serial()
    observations = make_observations(blobs, setup, phases, params)
    lines = make_lines(observations, pairs)
    short = pairs.pairable < SHORT
    if not len(lines) and not (short and knows_sample(setup) and len(blobs)):
        return no_grains(observations, params, [why_no_pairs()])
    tolerances = measure_tolerances(observations, lines, pairs.across.tolerances)
    observations = observations.with_errors(tolerances.error)
    search = CandidateSearch(observations, lines, tolerances, params)
    null = measure_null(search, executor, watcher)
    candidates, tried = candidates_beyond_chance(search, null, executor, watcher)
    of_many = len(candidates)
    candidates, null = candidates_by_turning(search, null, candidates, executor, watcher)
    turned = len(candidates) > of_many
    if short:
        candidates, null = candidates_of_single_spots(search, null, candidates, executor, watcher)
    rounds = Rounds(tolerances, params, watcher)
    candidates, grains, observations = refine_with_parents(observations, candidates, rounds)
    first = Searched(null, np.ones(len(blobs), dtype=bool))
    grains, limits = keep_beyond_chance(observations, grains, candidates, [first], rounds)
    if not len(grains):
        return no_grains(observations, params, [why_no_grains(len(lines), tried, null), *notes_about(tolerances)])
    found = Found(grains, limits, [first])
    grains, limits, searches = search_left_overs(observations, lines, found, rounds, executor, turned=turned)
    grains, limits = join_sub_grains(observations, grains, limits, params)
    nulls = [search.null for search in searches]
    return make_grain_table(observations, grains, nulls, limits, params, notes_about(tolerances))

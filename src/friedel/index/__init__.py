"""Index: which blobs are of one grain, where the grain is, and how its lattice stands.

Lines of pairs that cross at the lattice's angles suggest a crystal (Ludwig et al., Rev. Sci. Instrum. 80 (2009)
033905), which is fitted to all the spots it predicts and believed if it explains more of them than the same search
finds in the same blobs with scrambled omega.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from friedel.index.candidates import Candidate, CandidateSearch, knows_sample
from friedel.index.grain_table import (
    make_grain_table,
    no_grains,
    notes_about,
    why_no_grains,
    why_no_pairs,
    why_too_short,
)
from friedel.index.left_overs import Found, search_left_overs
from friedel.index.like_phases import with_likelier_phases
from friedel.index.null import Null, Searched, candidates_beyond_chance, keep_beyond_chance, measure_null
from friedel.index.observations import make_lines, make_observations
from friedel.index.params import IndexParams
from friedel.index.refinement import Rounds, refine_with_parents
from friedel.index.silent_families import without_silent_families
from friedel.index.single_seeds import candidates_of_single_spots
from friedel.index.sub_grains import join_sub_grains
from friedel.index.tolerances import measure_tolerances
from friedel.index.turned_seeds import candidates_by_turning
from friedel.index.unseen_areas import hide_unseen_areas
from friedel.model.absorption import Absorption
from friedel.model.blobs import BlobTable
from friedel.model.crystal import Phase
from friedel.model.grains import GrainTable
from friedel.model.pairs import PairTable
from friedel.model.setup import Setup
from friedel.model.stream import Executor, Serial, Watcher

__all__ = ["IndexParams", "index"]

SHORT = 0.5
"""Below this part of angles with their half turn recorded, single spots are seeds too."""
SHARPER = 8.0
"""Where spots of grains scatter in so much less room (omega, row, col) than the search had to allow for, as where
few pairs told it, the search is repeated with what they scatter by: chance finds more spots with wide tolerances
than grains still have with narrow ones."""


def index(
    blobs: BlobTable,
    pairs: PairTable,
    setup: Setup,
    phases: Sequence[Phase],
    params: IndexParams,
    *,
    absorption: Absorption | None = None,
    executor: Executor | None = None,
    watcher: Watcher | None = None,
) -> GrainTable:
    """Find the grains: blobs, orientation, position of each.

    The table's `blobs` are rows of kept blobs (`spot3d_id`). Without pairs there are no grains, and a note says
    why. Where the sample's `absorption` is known, counts and centres of spots are what it makes of them. The same
    for any number of threads.
    """
    executor = executor or Serial()
    observations = make_observations(blobs, setup, phases, params, absorption)
    lines = make_lines(observations, pairs)
    short = pairs.pairable < SHORT
    if not len(lines) and not (short and knows_sample(setup) and len(blobs)):
        return no_grains(observations, params, [why_no_pairs()])
    observations, odd = without_silent_families(observations, lines)
    tolerances = measure_tolerances(observations, lines, pairs.across.tolerances)
    observations = observations.with_errors(tolerances.error)
    search = CandidateSearch(observations, lines, tolerances, params)
    candidates, null, tried, turned = _search(search, short, executor, watcher)
    rounds = Rounds(tolerances, params, watcher)
    candidates, grains, observations = refine_with_parents(observations, candidates, rounds)
    if float(np.prod(search.observations.search_error / observations.search_error)) >= SHARPER:
        search = search.again(observations)
        known = [
            search.unfitted(int(phase), U, position)
            for phase, U, position in zip(grains.phase, grains.U, grains.position, strict=True)
        ]
        candidates, null, _, turned = _search(search, short, executor, watcher, known)
        candidates, grains, observations = refine_with_parents(observations, candidates, rounds)
    candidates, grains, unsure = with_likelier_phases(observations, candidates, grains, rounds)
    observations, grains, unseen = hide_unseen_areas(observations, grains, tolerances, params)
    first = Searched(null, np.ones(len(blobs), dtype=bool))
    grains, limits = keep_beyond_chance(observations, grains, candidates, [first], rounds)
    if not len(grains):
        why = (why_too_short(search, null) if short else "") or why_no_grains(len(lines), tried, null)
        return no_grains(observations, params, [why, *odd, *notes_about(tolerances)])
    found = Found(grains, limits, [first])
    grains, limits, searches = search_left_overs(observations, lines, found, rounds, executor, turned=turned)
    grains, limits = join_sub_grains(observations, grains, limits, params)
    odd += [*unsure, *unseen, *notes_about(tolerances)]
    return make_grain_table(observations, grains, [one.null for one in searches], limits, params, odd)


class _Beyond(NamedTuple):
    """Candidates beyond chance, what chance reaches, how many pairs were tried, and whether pairs that were turned
    one by one gave some."""

    candidates: list[Candidate]
    null: Null
    tried: int
    turned: bool


def _search(
    search: CandidateSearch,
    short: bool,
    executor: Executor,
    watcher: Watcher | None,
    known: Sequence[Candidate] = (),
) -> _Beyond:
    """Those that are known and all others; single spots are seeds too where a scan is `short`."""
    null = measure_null(search, executor, watcher)
    candidates, tried = candidates_beyond_chance(search, null, executor, watcher, known)
    of_many = len(candidates)
    candidates, null = candidates_by_turning(search, null, candidates, executor, watcher)
    turned = len(candidates) > of_many
    if short:
        candidates, null = candidates_of_single_spots(search, null, candidates, executor, watcher)
    return _Beyond(candidates, null, tried, turned)

"""Slow and obvious twins of the evaluator of pairs, grains and volumes: everything against everything."""

from typing import Any

import numpy as np

from friedel.model.blobs import BlobTable
from friedel.model.crystal import Phase
from friedel.model.grains import GrainTable
from tests.oracles_evaluate import iou_matrix


def true_pairs(truth: BlobTable, tolerance: float = 5.0) -> set[tuple[int, int]]:
    """Spots of h and -h of a grain, half a turn apart."""
    found = set()
    for a in range(len(truth)):
        for b in range(a + 1, len(truth)):
            same = truth["grain"][a] == truth["grain"][b] and all(truth[i][a] == -truth[i][b] for i in "hkl")
            if same and abs((truth["omega"][a] - truth["omega"][b]) % 360 - 180) <= tolerance:
                found.add((a, b))
    return found


def pair_scores(links: list[tuple[int, int]], blobs: BlobTable, truth: BlobTable) -> dict[str, Any]:
    """Right pairs, findable true pairs and found ones, by looking at each."""
    shows = iou_matrix(blobs, truth).T >= 0.25 if len(truth) and len(blobs) else np.zeros((len(blobs), len(truth)))
    pairs = true_pairs(truth)

    def agree(link: tuple[int, int], pair: tuple[int, int]) -> bool:
        (a, b), (s, t) = link, pair
        return bool((shows[a, s] and shows[b, t]) or (shows[a, t] and shows[b, s]))

    right = sum(any(agree(link, pair) for pair in pairs) for link in links)
    findable = [pair for pair in pairs if shows[:, pair[0]].any() and shows[:, pair[1]].any()]
    found = sum(any(agree(link, pair) for link in links) for pair in pairs)
    return {"truth": len(pairs), "findable": len(findable), "right": right, "found": found}


def match_grains(result: GrainTable, truth: GrainTable, phases: list[Phase], radius: float) -> dict[str, Any]:
    """Best pair first, again and again."""
    cost = np.full((len(truth), len(result)), np.inf)
    for t in range(len(truth)):
        for r in range(len(result)):
            distance = np.linalg.norm(truth.position_um[t] - result.position_um[r])
            if truth.phase[t] == result.phase[r] and distance <= radius:
                angle = float(phases[truth.phase[t]].misorientation_deg(truth.U[t], result.U[r]))
                if angle <= 1.0:
                    cost[t, r] = angle + distance / radius
    could = np.isfinite(cost).any(axis=0)
    pairs = []
    while np.isfinite(cost).any():
        t, r = map(int, np.unravel_index(np.argmin(cost), cost.shape))
        pairs.append((t, r))
        cost[t, :] = cost[:, r] = np.inf
    used = {r for _, r in pairs}
    rest = [r for r in range(len(result)) if r not in used]
    return {
        "pairs": sorted(pairs),
        "duplicate": [r for r in rest if could[r]],
        "false": [r for r in rest if not could[r]],
    }


def volume_scores(found: np.ndarray, true: np.ndarray, name: dict[int, int]) -> dict[str, Any]:
    """Voxel by voxel; `name` gives the true label of a label of the result."""
    right = solid = union = 0
    sets: dict[tuple[str, int], set[tuple[int, ...]]] = {}
    for place in np.ndindex(*true.shape):
        t, r = int(true[place]), int(found[place])
        right += t > 0 and name.get(r) == t
        solid += t > 0
        union += t > 0 or r > 0
        if t:
            sets.setdefault(("true", t), set()).add(place)
        if r in name:
            sets.setdefault(("found", name[r]), set()).add(place)
    dice = []
    for kind, label in sets:
        if kind == "true":
            a, b = sets["true", label], sets.get(("found", label), set())
            dice.append(2 * len(a & b) / (len(a) + len(b)))
    return {
        "voxel_accuracy": right / solid if solid else 1.0,
        "voxel_agreement": right / union if union else 1.0,
        "dice": {"median": float(np.median(dice)), "min": min(dice)} if dice else None,
    }


def boundary_distances(a: np.ndarray, b: np.ndarray) -> list[float]:
    """From every face to every face."""
    one, other = _faces(a), _faces(b)
    return [min(np.linalg.norm(np.subtract(p, q)) for q in others) for p, others in _each(one, other)]


def _each(one: list[Any], other: list[Any]) -> list[tuple[Any, list[Any]]]:
    return [(p, other) for p in one] + [(p, one) for p in other]


def _faces(label: np.ndarray) -> list[tuple[float, ...]]:
    found = []
    for place in np.ndindex(*label.shape):
        for axis in range(3):
            beside = tuple(p + (axis == i) for i, p in enumerate(place))
            if (
                beside[axis] < label.shape[axis]
                and label[place]
                and label[beside]
                and label[place] != label[beside]
            ):
                found.append(tuple(p + 0.5 * (axis == i) for i, p in enumerate(place)))
    return found

"""What the page is about, how far things are, and who may change them."""

from dataclasses import asdict
from pathlib import Path
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

import friedel
from friedel.errors import FriedelError
from friedel.explorer.heard_warnings import warnings_heard
from friedel.model.baseline import Baseline
from friedel.model.scan import Scan
from friedel.output_folder.files import EVALUATION, REPORT, TABLES
from friedel.recipe import Recipe
from friedel.runner.passes import baseline_facts
from friedel.viewer.drafts import plain, schema
from friedel.viewer.project import Project
from friedel.viewer.saving import run_command, unsaved
from friedel.viewer.session import Session, read_body, who

NOTHING_RUNS = {"state": "idle", "stage": "", "done": 0, "total": 0, "text": "", "exit": None}
NOTHING_PROPOSED = {"state": "idle", "done": 0, "total": 0, "best": None}


def routes(session: Session) -> list[Route]:
    """api/session, api/progress, api/control, api/draft."""

    async def about(_: Request) -> JSONResponse:
        return JSONResponse(await session.in_thread(session_facts, session))

    async def progress(request: Request) -> JSONResponse:
        client = who(request.query_params)
        session.control.alive(client)
        return JSONResponse(progress_facts(session, client))

    async def control(request: Request) -> JSONResponse:
        body = await read_body(request)
        client = who(body)
        if body.get("release"):
            session.control.release(client)
        elif body.get("leave"):
            session.control.leave(client)
        elif body.get("take"):
            session.control.take(client)
        return JSONResponse({"mine": session.control.state(client)["mine"]})

    async def draft(request: Request) -> JSONResponse:
        body = await session.require_control(request)
        values = body.get("values")
        recipe = await session.in_thread(session.project.draft, str(body.get("section", "")), values)
        session.scan_pass.refresh()
        return JSONResponse({"recipe": recipe_values(recipe), "revision": session.revision})

    return [
        Route("/api/session", about),
        Route("/api/progress", progress),
        Route("/api/control", control, methods=["POST"]),
        Route("/api/draft", draft, methods=["POST"]),
    ]


def session_facts(session: Session) -> dict[str, Any]:
    """Everything that the page needs to begin."""
    project = session.project
    if project.scan is None:
        project.open_scan()  # it may have come back
        session.scan_pass.refresh()
    generation = session.scan_pass.generation  # before all that it stands for: what comes later shows as another
    scan, baseline = project.scan, session.scan_pass.baseline
    record = project.results.record
    stages = record.stages if record is not None else {}
    lost = set() if record is None else set(project.results.changed)
    with warnings_heard():  # what the draft warns of was told when it was read
        file = _file(project)
    return {
        "name": project.path.name,
        "version": friedel.__version__,
        "recipe_path": str(project.recipe_path) if project.recipe_path else None,
        "out": str(project.out),
        "scan": None if scan is None else _scan_facts(scan),
        "baseline": None if baseline is None else plain(_baseline_facts(baseline)),
        "has": _has(project),
        "stages": {
            name: plain(
                {"seconds": one.seconds, "counts": one.counts, "warnings": one.warnings, "started": one.started}
            )
            for name, one in stages.items()
        },
        "stale": [name for name in stages if scan is not None and not project.finished(name)],
        "gone": [name for name, one in stages.items() if lost & {*one.outputs}],
        "warnings": list(dict.fromkeys([*project.warnings, *session.scan_pass.warnings])),
        "troubles": [asdict(one) for one in project.troubles],
        "recipe": recipe_values(project.recipe),
        "saved": recipe_values(project.saved),
        "file": file and {**file, "exists": Path(file["path"]).is_file()},
        "refused": _refused(project),
        "schema": schema(),
        "revision": session.revision,
        "generation": generation,
        "address": session.address,
        "ssh": session.ssh,
    }


def progress_facts(session: Session, client: str) -> dict[str, Any]:
    """How far things are; cheap, because every page asks all the time."""
    scan_pass = session.scan_pass
    facts = {name: ask() for name, ask in session.facts.items()}
    state: dict[str, Any] = plain(
        {
            "revision": session.revision,
            "control": session.control.state(client),
            "pass": {
                "state": scan_pass.state,
                "done": scan_pass.done,
                "total": scan_pass.total,
                "text": scan_pass.error or scan_pass.text,
                "generation": scan_pass.generation,
                "measured": scan_pass.scan_state is not None,
                "bright": scan_pass.bright is not None,
            },
            "run": NOTHING_RUNS,
            "propose": NOTHING_PROPOSED,
            "solution": None,
            **facts,
        }
    )
    return state


def recipe_values(recipe: Recipe | None) -> dict[str, Any]:
    """All sections as plain values."""
    return {} if recipe is None else {name: plain(getattr(recipe, name)) for name in Recipe.model_fields}


def _scan_facts(scan: Scan) -> dict[str, Any]:
    frames, rows, cols = scan.shape
    return {
        "name": scan.name,
        "frames": frames,
        "rows": rows,
        "cols": cols,
        "dtype": str(scan.frames.dtype),
        "omega_start_deg": scan.omega_start_deg,
        "omega_step_deg": scan.omega_step_deg,
        "full_turn": scan.full_turn,
        "missing": [list(gap) for gap in scan.gaps],
        "saturation": plain(scan.saturation),
        "notes": list(scan.notes),
    }


def _baseline_facts(baseline: Baseline) -> dict[str, Any]:
    facts = baseline_facts(baseline)
    known = {name: facts[name] for name in ("beam", "margins", "sigma", "reference_level", "dead_pixels")}
    return {**known, "warnings": list(baseline.warnings)}


def _file(project: Project) -> dict[str, Any] | None:
    """Which recipe a run started here reads, and whether it is the draft; None where there is nothing to run."""
    try:
        path, changed = unsaved(project)
    except FriedelError:
        return None
    return {"path": str(path), "command": run_command(path, project.out), "unsaved": changed}


def _refused(project: Project) -> dict[str, str] | None:
    """Why a run will not go on in the output folder, and where it may go instead; None where it will."""
    refused = project.refused
    return None if refused is None else {"text": str(refused), "other": str(project.free_folder)}


def _has(project: Project) -> dict[str, bool]:
    """What can be shown; files that turned out to be unusable are among the troubles."""
    results = project.results
    return {
        **{file.partition(".")[0]: results.has(file) and file not in results.errors for file in TABLES},
        "geometry": project.recipe is not None and project.recipe.has_grains,
        "truth": results.has(EVALUATION) and EVALUATION not in results.errors,
        "report": (project.out / REPORT).is_file(),
    }

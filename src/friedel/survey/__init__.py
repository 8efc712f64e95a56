"""One look at a scan before anything runs: what is in it, which parameters fit it, how long it will take."""

from friedel.survey.content import Content, measure_content
from friedel.survey.guess import centre_text, guess
from friedel.survey.inspection import Facts, inspect_scan
from friedel.survey.rehearsal import LaterStages, rehearse
from friedel.survey.speed import Speed, measure_speed

__all__ = [
    "Content",
    "Facts",
    "LaterStages",
    "Speed",
    "centre_text",
    "guess",
    "inspect_scan",
    "measure_content",
    "measure_speed",
    "rehearse",
]

"""One look at a scan before anything runs: what is in it, which parameters fit it, how long it will take."""

from friedel.survey.guess import guess
from friedel.survey.look import Facts, look
from friedel.survey.speed import Speed, measure_speed

__all__ = ["Facts", "Speed", "guess", "look", "measure_speed"]

"""The web page: parameters chosen while the whole scan answers, and everything a run made looked at."""

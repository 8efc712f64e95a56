"""Inputs that nobody means to give: damaged, forged, odd. None may end in a traceback, a hang or a crash.

An input is a kind and a number: both together make its bytes, so that whatever fails can be made again. `make fuzz`
tries 100,000 of them in processes of their own (`engine`), `make test` some of each kind (`test_fuzz`).
"""

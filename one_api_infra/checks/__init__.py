"""Checks: observe, judge, verdict. Judging is pure."""

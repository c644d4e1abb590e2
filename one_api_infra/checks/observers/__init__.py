"""Observers: they look from outside and give plain data. They judge nothing.

Every observer ends: connections and reads have time-outs, what is read has a limit, and
``together`` gives up on what takes too long all told.
"""

"""One set of checks in four uses: preflight, verify, status and monitor.

An observer looks, and gives plain data (``observation.py``); a judgement is a plain function of
that data. So every judgement is tested without a network, and means the same in every use.
"""

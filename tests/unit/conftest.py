"""How hypothesis runs here: a slow first run or a busy machine is no failure.

``pytest tests/unit --hypothesis-profile=deep`` looks longer.
"""

from hypothesis import HealthCheck, settings

settings.register_profile(
    "quick", max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.register_profile("deep", settings.get_profile("quick"), max_examples=2000)
settings.load_profile("quick")

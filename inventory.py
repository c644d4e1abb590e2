"""The environment that ONE_API_INFRA_ENVIRONMENT names: `lab` by default, else inventory/NAME.py."""

from one_api_infra.inventory import load

hosts = load(__file__)

"""The environment that ONE_API_INFRA_ENVIRONMENT names: `lab`, or another file of inventory/."""

from one_api_infra.remote.inventory import load

hosts = load(__file__)

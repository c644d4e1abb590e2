"""The lab's hosts: `one-api-infra lab up` makes them, and writes down their settings."""

import os

from one_api_infra.lab import inventory

hosts = inventory.hosts(os.environ.get("ONE_API_LAB", inventory.DEMO))

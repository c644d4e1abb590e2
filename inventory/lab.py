"""The lab's hosts: `one-api-infra lab up` makes them, and writes down their settings."""

import os

from one_api_infra.lab.lab import DEMO, Lab

hosts = Lab(os.environ.get("ONE_API_LAB", DEMO)).inventory()

"""pyinfra and ssh: the only package that knows them, beside the deploys."""

import os
import sys

# pyinfra lets Python keep none, so that each of its runs compiled all of a checkout anew.
sys.dont_write_bytecode = bool(os.environ.get("PYTHONDONTWRITEBYTECODE"))

"""Reaching a server from the admin's machine: pyinfra's operations and facts, ssh, status."""

"""What runs on the server: commands of this package, called by deploys, units and hooks."""

"""Payment gateways for a One API on the same machine, with a page of buttons."""

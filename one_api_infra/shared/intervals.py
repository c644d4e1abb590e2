"""How often the server's timers run, in seconds; what counts as late follows from it."""

MONITOR = 180
CALLBACKS = 20  # WeChat Pay and Stripe refuse to be replayed after five minutes

MONITOR_LATE = 5 * MONITOR  # its runs take time too
CALLBACKS_LATE = 30 * CALLBACKS
BACKUP_SLACK = 3600.0  # a backup takes time too

"""Our facts and operations: thin, all thinking is in the core."""

"""What records, joins and mends payment callbacks on the server; design.md shows the way."""

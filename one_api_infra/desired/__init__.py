"""The desired state of a server: what the admin chose, and what follows from it (admin's side)."""

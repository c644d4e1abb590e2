"""Values and rules of both sides: the admin's machine and the server. Imports no other room."""

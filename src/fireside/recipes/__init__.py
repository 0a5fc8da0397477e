"""One file per path through the house: the only place where the wings are wired to one another."""

"""One file, one question a user asks. A page composes what `analysis` has computed; files that start with `_` help."""

"""One file a section: what has been found out, as blocks. Every sentence follows from the data; none is fixed text."""

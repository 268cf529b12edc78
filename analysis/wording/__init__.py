"""Words, marks and cells: how results read in text, in Markdown and in a spreadsheet, the same everywhere."""

"""Numbers in, numbers out; knows no column and no method."""

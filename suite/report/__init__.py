"""What a run leaves for people: tables, figures, one page; and the published claims beside it."""

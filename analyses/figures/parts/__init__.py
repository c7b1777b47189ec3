"""What figures share: style, labels, kinds of plots."""

"""From scores and weights to rows with intervals."""

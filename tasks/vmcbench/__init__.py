"""VMCBench's six in-domain sets of the paper, one task each (AutoConverter, arXiv:2501.03225)."""

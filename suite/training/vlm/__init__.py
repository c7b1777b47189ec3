"""Training of real sizes: SigLIP, a two-layer connector, Qwen3, LLaVA-OneVision's tiles."""

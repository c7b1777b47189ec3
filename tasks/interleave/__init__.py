"""The multi-image sets of the instruction-tuning mixture, from LLaVA-NeXT-Interleave-Bench."""

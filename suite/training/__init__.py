"""Training: recipes of stages, the micro family's tokenizer, models, data stream and loop."""

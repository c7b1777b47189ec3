"""Decoding: what may be sampled, when thinking ends, and the loop that drives a model's forward.

In: logits of any batch of any model with the transformers interface. Out: token ids. The logits
processors also work inside `model.generate`: their row state follows the batch. Needs torch, so
nothing outside suite/generators imports it.
"""

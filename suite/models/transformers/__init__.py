"""The local backend: any model of transformers, with its own decoding loop. Needs torch.

In: a checkpoint and requests. Out: Generations. What may be sampled, when thinking ends, and the
loop that drives a model's forward; the logits processors also work inside `model.generate`: their
row state follows the batch.
"""

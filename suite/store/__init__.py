"""The generation store: every answer of every model under the key of its request.

In: batches of generations, committed whole. Out: generations by key. The store is a folder of
Parquet parts, one per batch, under one sub-folder per generator: a run reads only those of its own
models. Small parts are packed into larger ones as they grow many. Any number of processes may read,
write and pack at once; a killed one loses at most what it was generating. Works on any fsspec
address.
"""

from suite.store.parts import Answered, Stored
from suite.store.shelf import Shelf, Store

__all__ = ["Answered", "Shelf", "Store", "Stored"]

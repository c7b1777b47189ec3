"""Engines: they run the missing requests of a plan and keep the store.

In: a Walk (which requests there are) and a device. Out: a store in which every request is answered
or has failed with a reason. `local` runs on this machine; nothing here imports torch by itself.
"""

"""Models that vLLM serves on this machine.

In: a checkpoint and requests. Out: Generations. `generator` says what is asked and reads what
comes, `process` starts vLLM's own process and speaks with it, `child` is what runs there, `names`
gives a checkpoint's weights the names that vLLM knows.
"""

"""Models on a server that speaks OpenAI's chat completions: vLLM's, SGLang's, llama.cpp's.

In: the name of a model there and requests. Out: Generations. `server` asks and asks again,
`replies` reads what comes, `generator` says what is asked.
"""

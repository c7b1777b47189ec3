"""The vLLM backend, without vLLM and with it."""

"""What only the micro family needs: its lessons as rows, its models, tokenizer and measures."""

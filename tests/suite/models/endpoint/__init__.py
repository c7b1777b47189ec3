"""The endpoint backend, asked through real sockets."""

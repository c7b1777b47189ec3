"""What .ci/run calls beside pytest."""

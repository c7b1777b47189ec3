"""What every room stands on: files, YAML, JSON values, the machine, images."""

"""The studies that come with the suite, a YAML file each; `_template.yaml` is for `downscale init`."""

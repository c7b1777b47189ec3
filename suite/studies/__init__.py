"""The built-in studies, a YAML file each; `_template.yaml` is what `downscale init` writes."""

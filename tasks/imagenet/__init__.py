"""ImageNet: name the object in a photograph (ILSVRC 2012, validation)."""

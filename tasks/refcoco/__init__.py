"""RefCOCO, RefCOCO+ and RefCOCOg: the box of what a phrase refers to, scored by IoU."""

"""MMStar: 1,500 questions in six categories that need the image (arXiv:2403.20330)."""

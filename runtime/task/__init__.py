"""Tasks, and what a running one knows about its call."""

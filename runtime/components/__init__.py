"""What users add to a node's tree, and what they put in place of its own parts."""

"""From what was counted to kinds of work: grouping, choosing, describing."""

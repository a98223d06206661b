"""What all pictures share: style, sheet, scales, labels, scenes."""

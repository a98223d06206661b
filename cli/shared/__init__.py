"""What several commands share: options, writing exports, ending like Ctrl-C."""

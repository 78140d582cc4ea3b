"""The laboratory: methods, training and export. Needs the `[lab]` extra; the runtime never does."""

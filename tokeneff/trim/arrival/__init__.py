"""Results and documents, made shorter when they arrive."""

"""Measuring the codec as any user would: through its public API, from real files."""

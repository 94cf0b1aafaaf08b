"""The networks of the codec and how they are trained; knows nothing of files or bitstreams."""

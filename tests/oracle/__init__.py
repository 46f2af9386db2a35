"""The oracle that executes: it moves blocks of real cells and compares what comes of it with running everything in one place."""

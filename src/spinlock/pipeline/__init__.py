"""One function a stage, from a configuration to files; the only place where all parts meet."""

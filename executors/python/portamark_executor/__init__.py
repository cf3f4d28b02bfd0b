"""The Python executor of portamark; `__main__.py` says what it does."""

"""Telling the results: files, terminal, markdown."""

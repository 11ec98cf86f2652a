"""Asking a model about regions."""

"""Conversations as token ids and labels."""

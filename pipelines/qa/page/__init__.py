"""The page to look at: pictures with masks, conversations, charts."""

"""What a model that sees is shown: a picture with its regions outlined and numbered, and crops around them."""

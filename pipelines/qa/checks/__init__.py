"""What is asked of the data beyond its form: is it true, varied, unrepeated, clean, and apart from evaluation sets?"""

"""Whom does the model disadvantage, by how much, and how sure can one be?"""

"""Trains one backbone's head on cached features, and builds the model that ships."""

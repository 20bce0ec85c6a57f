"""The model that ships: made in three precisions, run as the robot runs it, and scored."""

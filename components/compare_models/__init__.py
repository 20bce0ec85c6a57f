"""Compares the trained models: the leaderboard, the report and the champion."""

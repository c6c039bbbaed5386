"""The demo: its people, its tables, the main job from start to finish."""

"""The demo: users, tables, and the main job from start to end."""

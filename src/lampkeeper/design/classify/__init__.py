"""Labels: which columns are sensitive, and why."""

"""Knowledge of words, formats, countries and industries."""

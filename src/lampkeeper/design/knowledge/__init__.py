"""What is known of words, formats, countries and industries."""
